// A log's folder with files of any bytes is opened, read and written to: an error with a code, or a log whose every
// batch checks out, which takes a record, and which opens again with the same end.
#include <stdlib.h>
#include <unistd.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "folder.h"
#include "fuzz.h"
#include "log.h"

namespace odradek::fuzz {
namespace {

class WaitingSink : public CompletionSink {
 public:
  using CompletionSink::post;

  void post(std::vector<Completion>&& completions) override {
    std::lock_guard lock(mutex_);
    for (Completion& completion : completions) {
      if (completion.kind == CompletionKind::kOperation) done_[completion.id] = std::move(completion);
    }
    changed_.notify_all();
  }

  Completion wait(double id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_.count(id) > 0; });
    Completion completion = std::move(done_[id]);
    done_.erase(id);
    return completion;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<double, Completion> done_;
};

// In memory where there is such a file system; gone with the process.
class Folder {
 public:
  Folder() {
    std::string name = access("/dev/shm", W_OK) == 0 ? "/dev/shm/odradek-fuzz-XXXXXX" : "/tmp/odradek-fuzz-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~Folder() { remove_tree(path).ignore(); }  // nothing relies on it
  std::string path;
};

// A path of its own: what is remembered of a failed log goes by its path.
class LogFolder {
 public:
  explicit LogFolder(std::string name) : path(std::move(name)) { ODRADEK_FUZZ_REQUIRE(make_folders(path).ok()); }
  ~LogFolder() { ODRADEK_FUZZ_REQUIRE(remove_tree(path).ok()); }
  const std::string path;
};

void write(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::shared_ptr<File> file;
  ODRADEK_FUZZ_REQUIRE(real_file_system().open(path, OpenMode::kCreateTruncate, &file).ok());
  ODRADEK_FUZZ_REQUIRE(file->pwrite(bytes.data(), bytes.size(), 0).ok());
}

class OpenedLog {
 public:
  OpenedLog(const std::string& path, const OpenOptions& options)
      : sink_(std::make_shared<WaitingSink>()), log_(std::make_shared<Log>(1, path, sink_)) {
    LogSettings settings;
    settings.segment_bytes = 2000;
    settings.index_interval_bytes = 100;
    status = log_->open(settings, options, &report);
  }
  ~OpenedLog() {
    wait([&](double id) { log_->close(id); }).status.ignore();
  }  // the log may have failed

  Log* operator->() { return log_.get(); }

  template <typename Call>
  Completion wait(Call call) {
    const double id = ++last_id_;
    call(id);
    return sink_->wait(id);
  }

  Status status;
  RecoveryReport report;

 private:
  std::shared_ptr<WaitingSink> sink_;
  std::shared_ptr<Log> log_;
  double last_id_ = 0;
};

// Whatever the answers are: a log that was stopped cleanly is not scanned when it opens.
void read_all(OpenedLog& log, bool is_checked) {
  Bytes headers;
  size_t count = 0;
  int64_t next = 0;
  const int64_t first = log->first_segment_offset();
  const int64_t end = log->log_end_offset();
  ODRADEK_FUZZ_REQUIRE(end >= first);
  const Status scanned = log->scan_headers(first, end, SIZE_MAX, &headers, &count, &next);
  ODRADEK_FUZZ_REQUIRE(scanned.ok() || !is_checked);
  for (int64_t offset = first; offset < end;) {
    CheckedBatches batches;
    const Status read = log->read_batches({offset, 500, true, end}, &batches);
    ODRADEK_FUZZ_REQUIRE(read.ok() || !is_checked);
    if (!read.ok() || batches.next_offset <= offset) break;
    offset = batches.next_offset;
  }
  int64_t found = 0;
  for (const int64_t timestamp : {int64_t{0}, int64_t{1000}, INT64_MAX}) {
    const Status sought = log->find_by_timestamp(timestamp, first, &found);
    ODRADEK_FUZZ_REQUIRE(sought.ok() || !is_checked);
  }
}

bool append(OpenedLog& log) {
  std::vector<uint8_t> bytes(kBatchHeaderSize);
  const uint8_t record[] = {0, 0, 0, 1, 2, 'v', 0};
  bytes.push_back(sizeof record * 2);
  bytes.insert(bytes.end(), std::begin(record), std::end(record));
  BatchHeader header{};
  header.batch_length = static_cast<int32_t>(bytes.size() - kBatchLengthOverhead);
  header.magic = kMagicV2;
  header.base_timestamp = header.max_timestamp = 1000;
  header.producer_id = kNoProducerId;
  header.producer_epoch = -1;
  header.base_sequence = kNoSequence;
  header.record_count = 1;
  write_header(bytes.data(), header);
  seal_crc(bytes.data(), bytes.size());
  Append append;
  append.bytes = bytes.data();
  append.size = bytes.size();
  const int64_t end = log->log_end_offset();
  const Completion done = log.wait([&](double id) {
    append.id = id;
    log->append(append);
  });
  ODRADEK_FUZZ_REQUIRE(log->log_end_offset() == end + (done.status.ok() ? 1 : 0));
  return done.status.ok();
}

}  // namespace

int fuzz_one(const uint8_t* data, size_t size) {
  static const Folder parent;
  static int count = 0;
  const LogFolder folder(parent.path + "/orders-" + std::to_string(count++));
  const std::string& path = folder.path;

  Input input(data, size);
  const uint8_t flags = input.byte();
  const size_t offset_index = input.byte() % 64;
  const size_t time_index = input.byte() % 64;
  write(segment_file(path, 0, kOffsetIndexSuffix), input.take(offset_index));
  write(segment_file(path, 0, kTimeIndexSuffix), input.take(time_index));
  if ((flags & 4) != 0) {
    // A later segment, under any of the names that a crash may leave.
    static constexpr std::string_view kNames[] = {".log", ".log.swap", ".log.cleaned", ".log.deleted"};
    std::vector<uint8_t> later = input.take(input.number(2));
    if ((flags & 2) != 0) mend_batches(later);
    write(segment_file(path, static_cast<int64_t>(input.number(1)), kNames[flags >> 6]), later);
  }
  if ((flags & 8) != 0) {
    write(path + "/" + std::string(kFailedMarkerName), input.take(input.byte() % 8));
  }
  std::vector<uint8_t> bytes = input.rest();
  if ((flags & 2) != 0) mend_batches(bytes);
  write(segment_file(path, 0, kLogSuffix), bytes);

  OpenOptions options;
  options.clean_shutdown = (flags & 1) != 0;
  options.log_start_offset = (flags & 16) != 0 ? 3 : 0;
  int64_t end = 0;
  bool is_checked = false;
  {
    OpenedLog log(path, options);
    if (!log.status.ok()) return 0;
    is_checked = !options.clean_shutdown;
    read_all(log, is_checked);
    if (append(log)) read_all(log, is_checked);
    end = log->log_end_offset();
  }
  // As after a crash: all of it is looked at.
  options.clean_shutdown = false;
  OpenedLog log(path, options);
  if (is_checked) {
    ODRADEK_FUZZ_REQUIRE(log.status.ok());
    ODRADEK_FUZZ_REQUIRE(log->log_end_offset() == end && log.report.truncated_bytes == 0);
  }
  if (log.status.ok()) read_all(log, true);
  return 0;
}

}  // namespace odradek::fuzz
