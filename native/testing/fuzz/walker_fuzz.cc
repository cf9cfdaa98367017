// A segment file of any bytes is walked from anywhere: each batch lies before the end and behind the one before it.
#include <algorithm>
#include <cstring>

#include "batch_walker.h"
#include "fuzz.h"

namespace odradek::fuzz {
namespace {

class MemoryFile : public File {
 public:
  explicit MemoryFile(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

  Status pread(void* data, size_t size, uint64_t position, size_t* read) override {
    *read = pread_cached(data, size, position);
    return Status();
  }
  size_t pread_cached(void* data, size_t size, uint64_t position) override {
    if (position >= bytes_.size()) return 0;
    const size_t read = std::min<size_t>(size, bytes_.size() - position);
    std::memcpy(data, bytes_.data() + position, read);
    return read;
  }
  Status pwrite(const void*, size_t, uint64_t) override { return Status(Code::kIo); }
  Status pwritev(const iovec*, size_t, uint64_t) override { return Status(Code::kIo); }
  Status datasync() override { return Status(); }
  Status sync_file_system() override { return Status(); }
  bool sync_file_system_is_reliable() override { return true; }
  Status write_error() override { return Status(); }
  Status truncate(uint64_t) override { return Status(Code::kIo); }
  Status size(uint64_t* size) override {
    *size = bytes_.size();
    return Status();
  }
  Status lock() override { return Status(); }
  uint64_t device() const override { return 0; }
  int descriptor() const override { return -1; }

 private:
  const std::vector<uint8_t> bytes_;
};

}  // namespace

int fuzz_one(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint8_t flags = input.byte();
  // The file may have been cut since its size was looked at, and may go on behind what is to be walked.
  const auto shift = static_cast<int8_t>(input.byte());
  const uint64_t from = (flags & 2) != 0 ? input.number(2) : 0;
  std::vector<uint8_t> bytes = input.rest();
  if ((flags & 1) != 0) mend_batches(bytes);
  const uint64_t end =
      (flags & 4) != 0 ? std::max<int64_t>(0, static_cast<int64_t>(bytes.size()) + shift) : bytes.size();
  MemoryFile file(std::move(bytes));
  BatchWalker walker(file, from, end, (flags & 8) == 0);
  uint64_t expected = from;
  for (;;) {
    const BatchWalker::Step step = walker.next();
    ODRADEK_FUZZ_REQUIRE(walker.position() == expected);
    ODRADEK_FUZZ_REQUIRE(step != BatchWalker::Step::kFailed);
    if (step != BatchWalker::Step::kBatch) {
      ODRADEK_FUZZ_REQUIRE(step != BatchWalker::Step::kEnd || expected == end);
      return 0;
    }
    ODRADEK_FUZZ_REQUIRE(walker.next_position() >= expected + kBatchHeaderSize && walker.next_position() <= end);
    ODRADEK_FUZZ_REQUIRE(walker.header().base_offset >= 0 &&
                         walker.header().last_offset() >= walker.header().base_offset);
    expected = walker.next_position();
  }
}

}  // namespace odradek::fuzz
