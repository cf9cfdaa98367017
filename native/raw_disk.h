// What the disk and the sockets of this machine do for a program that makes plain system calls and nothing else: the
// limits that the disk benchmark sets the engine beside. Not part of the engine, and used by nothing in it; goes past
// the file layer on purpose. Every call waits: for threads that may.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "status.h"

namespace odradek {

struct RawWriteResult {
  double written_seconds = 0;  // until the last pwrite returned
  double flushed_seconds = 0;  // until the last fdatasync had returned too
};

// `threads` threads write `bytes` in all, each to a new file (`path` and its number) in pieces of `block` bytes, then
// fdatasync it. The files stay.
Status raw_write(const std::string& path, uint64_t block, uint64_t bytes, int threads, RawWriteResult* result);

struct RawLimits {
  double seconds = 0;  // no new operation begins after it
  uint64_t bytes = 0;  // nor after so many bytes
};

struct RawRun {
  double seconds = 0;
  uint64_t bytes = 0;
  std::vector<double> latencies;  // ms, one for each operation; raw_read leaves it empty
};

// One thread: pwrite of `block` bytes at the end of a new file, fdatasync, again. The file stays.
Status raw_durable(const std::string& path, uint64_t block, const RawLimits& limits, RawRun* run);

// `threads` threads read from the file's first `size` bytes: one stripe each from start to end and again from its
// start, or blocks in random order from `seed`.
struct RawRead {
  std::string path;
  uint64_t size = 0;
  uint64_t block = 0;
  int threads = 1;
  bool random = false;
  uint64_t seed = 0;
};
Status raw_read(const RawRead& read, const RawLimits& limits, RawRun* run);

// Makes the page cache lose a file that is on disk; `resident` is what it holds of it afterwards.
Status raw_evict(const std::string& path, uint64_t* resident);

// Takes `bytes` of memory into the page cache and gives them back, so that what is written next finds pages that this
// machine has used a moment ago. Leaves no file and writes nothing to the disk.
Status raw_warm(const std::string& path, uint64_t bytes);

// A listener on the loopback that reads and drops what is sent to it, one connection after another. `descriptor` is
// closed by raw_sink_close, which ends its thread.
Status raw_sink_open(int* descriptor, uint16_t* port);
void raw_sink_close(int descriptor);

enum class RawSend { kMemory, kSendfile, kCopy };

// Sends `bytes` to the sink, from the file's first `size` bytes again and again (or from memory), in pieces of `block`
// bytes; ends when the sink has read all of it.
Status raw_send(uint16_t port, RawSend from, const std::string& path, uint64_t size, uint64_t block, uint64_t bytes,
                double* seconds);

}  // namespace odradek
