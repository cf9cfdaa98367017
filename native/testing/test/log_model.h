// What a log must hold after a crash, told apart from what it may hold.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "log.h"

namespace odradek::test {

struct ModelBatch {
  int64_t base = 0;
  int64_t last = 0;
  int64_t timestamp = 0;
  // As it is to be found, offset and epoch included.
  std::vector<uint8_t> bytes;
  // A compaction that was not heard of again may have taken it away.
  bool may_be_compacted = false;
};

class LogModel {
 public:
  // In the order of their offsets: all that was submitted and may be there.
  std::vector<ModelBatch> batches;
  // Where the next batch goes if all that was submitted succeeds.
  int64_t end = 0;
  // What lies below was said to be in the page cache, and to be on disk.
  int64_t appended = 0;
  int64_t durable = 0;
  // The first segment begins no lower and no higher than here.
  int64_t first_low = 0;
  int64_t first_high = 0;
  // A reset that was not heard of again; -1 for none.
  int64_t reset_to = -1;

  void add(std::vector<uint8_t> batch, int32_t leader_epoch);
  void cut(int64_t offset);
  void start_anew(int64_t offset);

  struct Expectation {
    // The offset below which nothing may be missing.
    int64_t kept = 0;
    // Handed to the open that was made.
    int64_t log_start = 0;
  };
  // Compares the log, just recovered, and takes what it holds for what there is from now on. Returns what is wrong
  // with it; empty when nothing is.
  std::string recovered(Log& log, const Expectation& expectation);
  // Compares look-ups and contents of a log about which nothing is uncertain.
  std::string compare(Log& log, uint64_t seed) const;
  uint64_t records_checked() const { return records_checked_; }

 private:
  std::string read_all(Log& log, std::vector<ModelBatch>* found) const;

  mutable uint64_t records_checked_ = 0;
};

}  // namespace odradek::test
