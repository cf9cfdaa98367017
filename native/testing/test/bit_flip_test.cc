// Bits that a disk flips, anywhere in any file of a log: each answer is right, or an error that says so. Seeds, so that
// a failure can be repeated: ODRADEK_SEED=n runs one, ODRADEK_SEEDS=n that many.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "checked_offset.h"
#include "failed_marker.h"
#include "gap_limit.h"
#include "log_fixture.h"
#include "seeded_random.h"

namespace odradek::test {
namespace {

constexpr uint64_t kSeeds = 3000;
// Where files are on a disk, which has to sync them.
constexpr uint64_t kSeedsOnDisk = 100;

uint64_t number_of(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Written {
  BatchHeader header;
  std::vector<uint8_t> bytes;
};

// A bit that was flipped, as far as the answers depend on where.
struct Flip {
  std::string path;
  uint64_t position = 0;
  uint8_t mask = 0;
};

class BitFlipTest : public LogTest {
 protected:
  void SetUp() override {
    LogTest::SetUp();
    char name[] = "/dev/shm/odradek-engine-XXXXXX";
    if (mkdtemp(name) == nullptr) return;
    ASSERT_TRUE(remove_tree(root_).ok());
    root_ = name;
    in_memory_ = true;
  }

  void run(uint64_t seed) {
    random_ = SeededRandom(seed);
    path_ = root_ + "/log-" + std::to_string(seed);
    written_.clear();
    flips_.clear();
    wrong_.clear();
    headers_damaged_ = false;
    settings_.segment_bytes = random_.between(400, 2500);
    settings_.index_interval_bytes = random_.between(0, 400);
    ASSERT_TRUE(open().ok());
    const bool marked = write_log();
    ASSERT_TRUE(wrong_.empty()) << wrong_;
    if (random_.chance(0.5)) {
      if (random_.chance(0.3)) log_->roll(++last_id_);
      flush();
      flip();
      check_reads();
      if (random_.chance(0.5)) drop_handles();
      check_reads();
    } else {
      open_again(marked);
    }
    if (log_) crash();
    forget_failed_marker(path_);
    EXPECT_TRUE(remove_tree(path_).ok());
    if (!wrong_.empty()) {
      wrong_ = "ODRADEK_SEED=" + std::to_string(seed) + ": " + wrong_;
      for (const Flip& flip : flips_) {
        wrong_ += "\n  flipped " + flip.path.substr(path_.size()) + " at " + std::to_string(flip.position) + ", " +
                  std::to_string(flip.mask);
      }
    }
  }

  // True where a marker of a failed flush stands in the folder.
  bool write_log() {
    int64_t clock = 1000;
    for (auto n = random_.between(15, 60); n > 0; n--) {
      // No two batches have the same timestamp.
      clock += 20;
      std::vector<uint8_t> batch =
          make_batch(static_cast<int>(random_.between(1, 4)),
                     clock - static_cast<int64_t>(random_.below(9)) * 20 - random_.between(0, 1), 0,
                     static_cast<int>(random_.below(70)));
      const int64_t base = log_->log_end_offset();
      if (!append(batch).status.ok()) wrong_ = "an append failed";
      assign(batch.data(), base, 7);
      BatchHeader header;
      peek_header(batch.data(), batch.size(), &header).ignore();
      if (std::any_of(written_.begin(), written_.end(),
                      [&](const Written& other) { return other.header.max_timestamp == header.max_timestamp; })) {
        same_timestamps_ = true;
      }
      written_.push_back({header, std::move(batch)});
    }
    recovery_point_ = log_->log_end_offset();
    if (random_.chance(0.3)) write_gap_limit(path_, random_.between(0, recovery_point_)).ignore();
    if (!random_.chance(0.2)) return false;
    leave_failed_marker(path_, recovery_point_);
    forget_failed_marker(path_);
    return true;
  }

  void flip() {
    std::vector<FolderEntry> entries;
    ASSERT_TRUE(real_file_system().list(path_, &entries).ok());
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    for (auto n = random_.between(1, 3); n > 0;) {
      Flip flip;
      flip.path = path_ + "/" + entries[random_.below(entries.size())].name;
      const uint64_t size = file_size(flip.path);
      // An empty file has nothing to flip.
      if (size == 0) continue;
      flip.position = random_.below(size);
      flip.mask = static_cast<uint8_t>(1 << random_.below(8));
      std::shared_ptr<File> file;
      ASSERT_TRUE(real_file_system().open(flip.path, OpenMode::kReadWrite, &file).ok());
      uint8_t byte = 0;
      size_t read = 0;
      ASSERT_TRUE(file->pread(&byte, 1, flip.position, &read).ok());
      byte ^= flip.mask;
      ASSERT_TRUE(file->pwrite(&byte, 1, flip.position).ok());
      headers_damaged_ |= flip.path.ends_with(kLogSuffix);
      flips_.push_back(flip);
      n--;
      flipped_++;
    }
  }

  void drop_handles() {
    const uint64_t newest = HandleCache::next_id();
    for (uint64_t back = 1; back <= 100 && back < newest; back++) HandleCache::instance().erase(newest - back);
  }

  void open_again(bool marked) {
    const bool clean = random_.chance(0.5);
    // Far enough back that there is a scan.
    const int64_t recovery_point = clean || random_.chance(0.4) ? recovery_point_ : random_.between(0, recovery_point_);
    if (clean) {
      ASSERT_TRUE(close().status.ok());
    } else {
      flush();
      crash();
    }
    flip();
    const Status opened = open({recovery_point, clean, 0});
    if (!opened.ok()) {
      count(opened);
      log_.reset();
      forget_failed_marker(path_);
      return;
    }
    const int64_t end = log_->log_end_offset();
    const int64_t kept = std::min(recovery_point, recovery_point_);
    if (end < kept) {
      wrong_ = "cut to " + std::to_string(end) + ", on disk was " + std::to_string(kept) + (clean ? ", clean" : "") +
               (marked ? ", marked" : "");
    }
    // Of the last batch nothing shows that its offset is wrong: the CRC does not cover it.
    if (end > recovery_point_ && (clean || !headers_damaged_)) wrong_ = "the log has grown to " + std::to_string(end);
    if (end > recovery_point_) return;
    std::erase_if(written_, [&](const Written& batch) { return batch.header.last_offset() >= end; });
    check_reads();
    // Appends go on behind what was kept.
    if (random_.chance(0.5) && append(make_batch(2)).values[0] != static_cast<double>(end))
      wrong_ = "an append went elsewhere";
  }

  void count(const Status& status) {
    if (status.code() != Code::kCorruptLog && status.code() != Code::kUnsupportedFormat) {
      wrong_ = std::string("an error of another kind: ") + status.name() + " " + status.path();
    }
    reported_++;
  }

  const Written* holding(int64_t offset) const {
    for (const Written& batch : written_) {
      if (batch.header.last_offset() >= offset) return &batch;
    }
    return nullptr;
  }

  void check_reads() {
    const int64_t end = written_.empty() ? 0 : written_.back().header.last_offset() + 1;
    for (int probe = 0; probe < 12 && wrong_.empty() && end > 0; probe++) {
      const int64_t offset = random_.between(0, end - 1);
      const ReadRequest request{offset, random_.below(2000), true,
                                random_.chance(0.3) ? random_.between(1, end) : INT64_MAX};
      check_range(request);
      check_batches(request);
      check_headers(offset, random_.between(offset, end));
      check_time(written_[random_.below(written_.size())].header.max_timestamp + random_.between(-1, 1),
                 random_.chance(0.5) ? 0 : offset);
    }
    if (end > 0 && wrong_.empty()) check_ages();
  }

  // Ranges go to readers as they are: the CRC is for them to check, and what it does not cover (a batch's own offset
  // and epoch) has no other guard than order.
  void check_range(const ReadRequest& request) {
    ReadAnswer answer;
    const Status status = log_->read(request, true, &answer);
    if (!status.ok()) return count(status);
    const Written* due = holding(request.offset);
    if (!answer.range.file) {
      if (request.max_offset > due->header.last_offset())
        wrong_ = "nothing to read at " + std::to_string(request.offset);
      return;
    }
    std::vector<uint8_t> bytes(answer.range.length);
    size_t read = 0;
    if (!answer.range.file->pread(bytes.data(), bytes.size(), answer.range.position, &read).ok() ||
        read < bytes.size()) {
      wrong_ = "a range reaches past its file";
      return;
    }
    check_bytes(bytes, request, true);
  }

  void check_batches(const ReadRequest& request) {
    CheckedBatches batches;
    const Status status = log_->read_batches(request, &batches);
    if (!status.ok()) return count(status);
    std::vector<uint8_t> bytes(batches.bytes.data.get(), batches.bytes.data.get() + batches.bytes.size);
    check_bytes(bytes, request, false);
  }

  void check_bytes(const std::vector<uint8_t>& bytes, const ReadRequest& request, bool is_range) {
    const Written* due = holding(request.offset);
    for (size_t position = 0; bytes.size() - position >= kBatchHeaderSize; due++) {
      BatchHeader header;
      const bool sound = peek_header(bytes.data() + position, bytes.size() - position, &header).ok();
      if (sound && header.size() > bytes.size() - position) return;
      if (!sound || !crc_matches(bytes.data() + position, header.size())) {
        if (!is_range) wrong_ = "a damaged batch counts as checked";
        reported_++;
        return;
      }
      records_ += static_cast<uint64_t>(header.record_count);
      const auto same = [&](size_t from, size_t to) {
        return std::equal(due->bytes.begin() + static_cast<ptrdiff_t>(from),
                          due->bytes.begin() + static_cast<ptrdiff_t>(to),
                          bytes.begin() + static_cast<ptrdiff_t>(position + from));
      };
      namespace at = batch_layout;
      const bool fits = due < written_.data() + written_.size() && due->bytes.size() == header.size() &&
                        same(at::kMagic, due->bytes.size());
      // Who reads a range sees the order of what it holds; of its first batch the engine has.
      const bool offset_fits = fits && (same(0, at::kBatchLength) || (is_range && position > 0));
      if (!offset_fits) {
        wrong_ = "wrong data at " + std::to_string(request.offset) + ": " + std::to_string(header.base_offset) +
                 (is_range ? ", range" : ", checked batches");
        return;
      }
      position += header.size();
    }
  }

  // Headers are not covered by any check but that of their order.
  void check_headers(int64_t from, int64_t to) {
    Bytes headers;
    size_t count_of = 0;
    int64_t next = 0;
    const Status status = log_->scan_headers(from, to, 1000, &headers, &count_of, &next);
    if (!status.ok()) return count(status);
    if (next < from || next > to + 4) wrong_ = "a scan ends at " + std::to_string(next);
    if (headers_damaged_) return;
    const Written* due = holding(from);
    for (size_t i = 0; i < count_of; i++, due++) {
      BatchHeader header;
      peek_header(headers.data.get() + i * kBatchHeaderSize, kBatchHeaderSize, &header).ignore();
      if (header.base_offset != due->header.base_offset) wrong_ = "a scan finds " + std::to_string(header.base_offset);
    }
    if (from < to && (due - 1)->header.last_offset() + 1 < to) wrong_ = "a scan stops before its end";
  }

  void check_time(int64_t timestamp, int64_t from) {
    int64_t base = -1;
    const Status status = log_->find_by_timestamp(timestamp, from, &base);
    if (!status.ok()) return count(status);
    // A header that says another time is found out when its batch is read.
    if (headers_damaged_ || same_timestamps_) return;
    int64_t due = -1;
    for (const Written& batch : written_) {
      if (batch.header.max_timestamp < timestamp || batch.header.last_offset() < from) continue;
      due = batch.header.base_offset;
      break;
    }
    if (base != due)
      wrong_ = "time " + std::to_string(timestamp) + " finds " + std::to_string(base) + ", due " + std::to_string(due);
  }

  // What retention goes by.
  void check_ages() {
    const int64_t below = written_[random_.below(written_.size())].header.max_timestamp;
    if (Status status = log_->check_timestamps(below); !status.ok()) return count(status);
    if (headers_damaged_) return;
    for (const SegmentSummary& segment : log_->segments()) {
      if (segment.active || segment.max_timestamp.timestamp >= below) break;
      for (const Written& batch : written_) {
        const bool here =
            batch.header.base_offset >= segment.base_offset && segment.max_timestamp.offset >= batch.header.base_offset;
        if (here && batch.header.max_timestamp >= below) wrong_ = "a young segment seems old";
      }
    }
  }

  SeededRandom random_{0};
  std::vector<Written> written_;
  std::vector<Flip> flips_;
  std::string wrong_;
  int64_t recovery_point_ = 0;
  bool in_memory_ = false;
  bool headers_damaged_ = false;
  bool same_timestamps_ = false;
  uint64_t flipped_ = 0;
  uint64_t reported_ = 0;
  uint64_t records_ = 0;
};

TEST_F(BitFlipTest, GivesNoWrongDataAndNoLossThatNobodyIsTold) {
  const bool repeats = std::getenv("ODRADEK_SEED") != nullptr;
  const uint64_t first = number_of("ODRADEK_SEED", 1);
  const uint64_t seeds = repeats ? 1 : number_of("ODRADEK_SEEDS", in_memory_ ? kSeeds : kSeedsOnDisk);
  uint64_t faults = 0;
  std::string last;
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    same_timestamps_ = false;
    run(seed);
    if (wrong_.empty()) continue;
    faults++;
    if (faults <= 5) last += wrong_ + "\n";
  }
  std::cout << "summary: bit flips: " << seeds << " seeds, " << flipped_ << " bits, " << records_
            << " records checked, " << reported_ << " answers CORRUPT, wrong answers: " << faults << std::endl;
  EXPECT_EQ(faults, 0u) << last;
  EXPECT_GT(reported_, 0u);
}

}  // namespace
}  // namespace odradek::test
