// A log in a folder of its own, driven from one thread: each call waits for its completion.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <string>
#include <vector>

#include "file_faults.h"
#include "folder.h"
#include "log.h"
#include "record_batch.h"

namespace odradek::test {

// `records` empty records with keys and values of one byte, each 9 bytes long.
inline std::vector<uint8_t> make_batch(int records, int64_t timestamp = 1000, int64_t base_offset = 0,
                                       int padding = 0) {
  std::vector<uint8_t> bytes(kBatchHeaderSize);
  for (int i = 0; i < records; i++) {
    std::vector<uint8_t> body = {0, 0};
    auto put = [&](int64_t value) {
      uint64_t raw = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
      for (; raw >= 0x80; raw >>= 7) body.push_back(static_cast<uint8_t>(raw) | 0x80);
      body.push_back(static_cast<uint8_t>(raw));
    };
    put(i);
    put(1);
    body.push_back('k');
    put(1 + padding);
    body.insert(body.end(), static_cast<size_t>(1 + padding), static_cast<uint8_t>('a' + i % 26));
    put(0);
    uint64_t raw = body.size() << 1;
    for (; raw >= 0x80; raw >>= 7) bytes.push_back(static_cast<uint8_t>(raw) | 0x80);
    bytes.push_back(static_cast<uint8_t>(raw));
    bytes.insert(bytes.end(), body.begin(), body.end());
  }
  BatchHeader header{};
  header.base_offset = base_offset;
  header.batch_length = static_cast<int32_t>(bytes.size() - kBatchLengthOverhead);
  header.leader_epoch = -1;
  header.magic = kMagicV2;
  header.last_offset_delta = records - 1;
  header.base_timestamp = timestamp;
  header.max_timestamp = timestamp;
  header.producer_id = kNoProducerId;
  header.producer_epoch = -1;
  header.base_sequence = kNoSequence;
  header.record_count = records;
  write_header(bytes.data(), header);
  seal_crc(bytes.data(), bytes.size());
  return bytes;
}

class TestSink : public CompletionSink {
 public:
  void post(std::vector<Completion>&& completions) override {
    std::lock_guard lock(mutex_);
    for (Completion& completion : completions) {
      if (completion.kind == CompletionKind::kOperation) {
        done_[completion.id] = std::move(completion);
      } else {
        events_.push_back(std::move(completion));
      }
    }
    changed_.notify_all();
  }

  Completion wait(double id) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(120), [&] { return done_.count(id) > 0; })) {
      ADD_FAILURE() << "operation " << id << " did not complete";
      return Completion();
    }
    Completion completion = std::move(done_[id]);
    done_.erase(id);
    return completion;
  }

  // Waits for an event of this kind, takes it.
  Completion wait_event(CompletionKind kind) {
    std::unique_lock lock(mutex_);
    for (;;) {
      for (size_t i = 0; i < events_.size(); i++) {
        if (events_[i].kind != kind) continue;
        Completion event = std::move(events_[i]);
        events_.erase(events_.begin() + static_cast<ptrdiff_t>(i));
        return event;
      }
      if (changed_.wait_for(lock, std::chrono::seconds(120)) == std::cv_status::timeout) {
        ADD_FAILURE() << "no event of kind " << static_cast<int>(kind);
        return Completion();
      }
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<double, Completion> done_;
  std::vector<Completion> events_;
};

// One for the process: files outlive tests.
inline FaultyFileSystem& faults() {
  static FaultyFileSystem* const instance = [] {
    auto* made = new FaultyFileSystem(real_file_system());
    set_file_system(made);
    return made;
  }();
  return *instance;
}

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    faults().set_faults({});
    char name[] = "/tmp/odradek-engine-XXXXXX";
    root_ = mkdtemp(name);
    path_ = root_ + "/orders-0";
    settings_.segment_bytes = 1 << 20;
    settings_.max_message_bytes = 1 << 20;
  }

  void TearDown() override {
    faults().set_faults({});
    if (log_) close();
    ASSERT_TRUE(remove_tree(root_).ok());
  }

  Status open(OpenOptions options = {}) {
    sink_ = std::make_shared<TestSink>();
    log_ = std::make_shared<Log>(1, path_, sink_);
    refusals_ = 0;
    return log_->open(settings_, options, &report_);
  }
  Status reopen_after_crash(int64_t recovery_point = 0, int64_t log_start = 0) {
    return open({recovery_point, false, log_start});
  }
  Status reopen_clean(int64_t log_start = 0) { return open({0, true, log_start}); }

  double submit(std::vector<uint8_t>& batch, BatchOrigin origin = BatchOrigin::kClient, Flush flush = Flush::kNone) {
    Append append;
    append.id = ++last_id_;
    append.bytes = batch.data();
    append.size = batch.size();
    append.leader_epoch = 7;
    append.origin = origin;
    append.refusals_seen = refusals_;
    append.flush = flush;
    log_->append(append);
    return append.id;
  }

  Completion append(std::vector<uint8_t> batch, BatchOrigin origin = BatchOrigin::kClient) {
    Completion completion = sink_->wait(submit(batch, origin));
    if (!completion.status.ok()) refusals_++;
    return completion;
  }

  Completion flush() {
    return wait_for([&](double id) { log_->flush(id); });
  }
  Completion roll() {
    return wait_for([&](double id) { log_->roll(id); });
  }
  Completion truncate(int64_t offset) {
    return wait_for([&](double id) { log_->truncate(id, offset); });
  }
  Completion reset(int64_t offset) {
    return wait_for([&](double id) { log_->reset(id, offset); });
  }
  Completion delete_before(int64_t offset) {
    return wait_for([&](double id) { log_->delete_segments_before(id, offset); });
  }
  Completion replace(std::vector<int64_t> cleaned, std::vector<int64_t> replaced) {
    return wait_for([&](double id) { log_->replace_segments(id, cleaned, replaced); });
  }
  Completion close() {
    Completion completion = wait_for([&](double id) { log_->close(id); });
    log_.reset();
    return completion;
  }

  // Base offsets of the batches from `offset` on, as a reader finds them; -1 at the end for an error.
  std::vector<int64_t> read_bases(int64_t offset, uint64_t max_bytes = 1 << 30, int64_t max_offset = INT64_MAX,
                                  bool min_one = true) {
    ReadAnswer answer;
    const Status status = log_->read({offset, max_bytes, min_one, max_offset}, true, &answer);
    if (!status.ok()) return {-1};
    std::vector<int64_t> bases;
    if (!answer.range.file) return bases;
    std::vector<uint8_t> bytes(answer.range.length);
    size_t read = 0;
    EXPECT_TRUE(answer.range.file->pread(bytes.data(), bytes.size(), answer.range.position, &read).ok());
    EXPECT_EQ(read, bytes.size());
    for (size_t at = 0; at < bytes.size();) {
      BatchHeader header;
      if (!peek_header(bytes.data() + at, bytes.size() - at, &header).ok()) break;
      if (header.size() > bytes.size() - at) break;
      EXPECT_TRUE(crc_matches(bytes.data() + at, header.size()));
      bases.push_back(header.base_offset);
      at += header.size();
    }
    return bases;
  }

  // Base offsets of all batches in the log.
  std::vector<int64_t> all_bases() {
    std::vector<int64_t> bases;
    Bytes headers;
    size_t count = 0;
    int64_t next = 0;
    EXPECT_TRUE(
        log_->scan_headers(log_->first_segment_offset(), log_->log_end_offset(), SIZE_MAX, &headers, &count, &next)
            .ok());
    for (size_t i = 0; i < count; i++) {
      BatchHeader header;
      EXPECT_TRUE(peek_header(headers.data.get() + i * kBatchHeaderSize, kBatchHeaderSize, &header).ok());
      bases.push_back(header.base_offset);
    }
    return bases;
  }

  std::string file(int64_t base, std::string_view suffix) { return segment_file(path_, base, suffix); }
  uint64_t file_size(const std::string& path) {
    FileInfo info;
    return real_file_system().info(path, &info).ok() ? info.size : UINT64_MAX;
  }
  bool exists(const std::string& path) {
    FileInfo info;
    return real_file_system().info(path, &info).ok();
  }
  void shrink(const std::string& path, uint64_t by) {
    std::shared_ptr<File> opened;
    ASSERT_TRUE(real_file_system().open(path, OpenMode::kReadWrite, &opened).ok());
    ASSERT_TRUE(opened->truncate(file_size(path) - by).ok());
  }
  void flip_byte(const std::string& path, uint64_t position) {
    std::shared_ptr<File> opened;
    ASSERT_TRUE(real_file_system().open(path, OpenMode::kReadWrite, &opened).ok());
    uint8_t byte = 0;
    size_t read = 0;
    ASSERT_TRUE(opened->pread(&byte, 1, position, &read).ok());
    byte ^= 0x40;
    ASSERT_TRUE(opened->pwrite(&byte, 1, position).ok());
  }
  void write_tail(const std::string& path, const std::vector<uint8_t>& bytes) {
    overwrite(path, exists(path) ? file_size(path) : 0, bytes);
  }
  void overwrite(const std::string& path, uint64_t position, const std::vector<uint8_t>& bytes) {
    std::shared_ptr<File> opened;
    ASSERT_TRUE(real_file_system().open(path, OpenMode::kCreate, &opened).ok());
    ASSERT_TRUE(opened->pwrite(bytes.data(), bytes.size(), position).ok());
  }
  // As if the process were gone: the log's memory is dropped without a close.
  void crash() {
    log_->abandon();
    log_.reset();
  }

  template <typename Call>
  Completion wait_for(Call call) {
    const double id = ++last_id_;
    call(id);
    return sink_->wait(id);
  }

  std::string root_;
  std::string path_;
  LogSettings settings_;
  RecoveryReport report_;
  std::shared_ptr<TestSink> sink_;
  std::shared_ptr<Log> log_;
  uint64_t refusals_ = 0;
  double last_id_ = 0;
};

}  // namespace odradek::test
