// File ranges and bytes to a socket without waiting: neither for the peer nor, as far as the kernel tells, for a disk.
#pragma once

#include <cstddef>
#include <cstdint>

#include "file_range.h"
#include "status.h"

namespace odradek {

enum class SendState : uint8_t {
  kDone,        // all that was asked for is in the socket's buffer
  kWouldBlock,  // the socket's buffer is full
  kCold,        // what is next is not in the page cache: `read_range` it on a thread that may wait
  kFailed,      // `error` says why; the connection cannot go on
};

struct SendResult {
  uint64_t sent = 0;
  SendState state = SendState::kDone;
  int error = 0;
};

// False where the system has no sendfile to a socket: callers read and write then.
bool can_send_file();

// Sends up to `max` bytes of the range from `offset` on. sendfile waits for cold pages even when the socket does
// not block, so residency is probed piece by piece. ENODATA when the file has become shorter than the range.
SendResult send_file_range(int socket, const FileRange& range, uint64_t offset, uint64_t max);

// With `more`, the kernel holds back a last packet that is not full, for the range that follows.
SendResult send_bytes(int socket, const uint8_t* data, size_t size, bool more);

// How many of the `max` bytes from `offset` on are in the page cache without a gap. Counts what cannot be probed.
uint64_t resident_bytes(const FileRange& range, uint64_t offset, uint64_t max);

// Up to `size` bytes of the range, and asks the disk for those that follow. Waits on the disk. Fewer only where the
// range or the file ends.
Status read_range(const FileRange& range, uint64_t offset, void* to, size_t size, size_t* read);
// The same from the page cache alone; 0 when nothing can be had at once.
size_t read_range_cached(const FileRange& range, uint64_t offset, void* to, size_t size);

}  // namespace odradek
