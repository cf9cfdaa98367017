#include "crash_run.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include "big_endian.h"
#include "failed_marker.h"
#include "folder.h"
#include "log_fixture.h"

namespace odradek::test {
namespace {

constexpr const char* kData = "/srv/data";
constexpr const char* kCheckpoint = "/srv/data/checkpoint";
constexpr const char* kCleanMark = "/srv/data/clean";
constexpr const char* kFirstFile = "first-file";
constexpr const char* kNoFile = "(none)";
constexpr const char* kFirstText = "whose log it is\n";

}  // namespace

struct CrashRun::Pending {
  std::unique_ptr<std::vector<uint8_t>> bytes;
  int64_t base = 0;
  int64_t end = 0;
  // It is answered when it is on disk.
  bool flushed = false;
};

struct CrashRun::Subject {
  double id = 0;
  std::string path;
  LogSettings settings;
  bool compacted = false;
  std::shared_ptr<Log> log;
  LogModel model;
  std::map<double, Pending> pending;
  // DeleteRecords.
  int64_t log_start = 0;
  bool failed = false;
  // A cut made the recovery point of the checkpoint a wrong one: no append before it is written anew.
  bool needs_checkpoint = false;
  // What is about to be cut must not be believed any more.
  int64_t checkpoint_limit = std::numeric_limits<int64_t>::max();
  bool uncertain = false;
};

class CrashRun::Sink final : public CompletionSink {
 public:
  void post(std::vector<Completion>&& completions) override {
    for (Completion& completion : completions) {
      if (completion.kind == CompletionKind::kFailed) {
        failed.push_back(completion.id);
      } else if (completion.kind == CompletionKind::kOperation) {
        done[completion.id] = std::move(completion);
      }
    }
  }
  // Ids of logs.
  std::vector<double> failed;
  std::map<double, Completion> done;
};

CrashRun::CrashRun(uint64_t seed, LeftOut left_out)
    : random_(seed),
      disk_(random_.next()),
      left_out_(left_out),
      executor_([this](std::function<void()> task) { tasks_.push_back(std::move(task)); }) {
  disk_.leave_out(left_out.disk);
  set_file_system(&disk_);
  ThreadPool::set_executor(&executor_);
  sink_ = std::make_shared<Sink>();
  totals_.seeds = 1;
  const auto logs = random_.between(1, 3);
  for (int64_t i = 0; i < logs; i++) {
    auto subject = std::make_unique<Subject>();
    subject->id = static_cast<double>(i);
    subject->path = std::string(kData) + "/log-" + std::to_string(i);
    subject->compacted = random_.chance(0.35);
    LogSettings& settings = subject->settings;
    settings.segment_bytes = random_.between(700, 6000);
    settings.max_message_bytes = 1 << 20;
    settings.index_interval_bytes = random_.between(0, 600);
    if (random_.chance(0.2)) settings.segment_ms = random_.between(30, 300);
    if (random_.chance(0.2)) settings.segment_index_bytes = random_.between(1, 6) * 12;
    if (random_.chance(0.3)) settings.flush_messages = random_.between(1, 30);
    settings.require_key = subject->compacted;
    subjects_.push_back(std::move(subject));
  }
  // While a file is being synced, appends go on.
  disk_.set_during_sync([this] {
    // A log that holds too many handles waits for what is under way.
    if (!in_flow_ || !random_.chance(0.3) || Pin::count() > HandleCache::instance().capacity() / 4) return;
    for (auto& subject : subjects_) {
      if (subject->log && random_.chance(0.5)) append(*subject);
    }
    for (auto n = random_.below(4); n > 0 && run_task(); n--) {}
  });
}

CrashRun::~CrashRun() {
  disk_.set_during_sync(nullptr);
  disk_.stop();
  drain();
  for (auto& subject : subjects_) {
    if (subject->log) subject->log->abandon();
    subject->log.reset();
    forget_failed_marker(subject->path);
  }
  ThreadPool::set_executor(nullptr);
  set_file_system(nullptr);
}

std::string CrashRun::run() {
  const auto lives = random_.between(2, 6);
  for (int64_t i = 0; i < lives; i++) {
    note("life " + std::to_string(i));
    if (!live()) return wrong_;
  }
  // What stands in the end stands after a last power cut.
  faulty_ = false;
  disk_.fail_calls(failing_ = 0);
  if (start()) finish(true);
  if (wrong_.empty()) start();
  return wrong_;
}

void CrashRun::add_to(CrashTotals* totals) const {
  totals->seeds += totals_.seeds;
  totals->steps += totals_.steps;
  totals->kills += totals_.kills;
  totals->power_cuts += totals_.power_cuts;
  totals->crashes_in_recovery += totals_.crashes_in_recovery;
  for (const auto& subject : subjects_) totals->records_checked += subject->model.records_checked();
}

// From one start to the next crash or clean stop.
bool CrashRun::live() {
  faulty_ = random_.chance(0.4);
  failing_ = faulty_ ? (random_.chance(0.5) ? 0.003 : 0.02) : 0;
  disk_.fail_calls(failing_);
  if (random_.chance(0.8)) {
    const uint64_t calls = 1 + random_.below(1ULL << random_.between(2, 8));
    disk_.stop_after(calls);
    note("stops after " + std::to_string(calls) + (faulty_ ? ", faulty" : ""));
  }
  if (start()) {
    work();
  } else if (disk_.is_stopped()) {
    totals_.crashes_in_recovery++;
  }
  if (!wrong_.empty()) return false;
  if (!disk_.is_stopped() && random_.chance(0.3)) note(close_cleanly() ? "closed cleanly" : "not closed cleanly");
  finish(random_.chance(0.6));
  return wrong_.empty();
}

// As a broker starts: reads the checkpoint, takes the mark of a clean stop away, opens all logs.
bool CrashRun::start() {
  for (int attempt = 0; wrong_.empty() && !disk_.is_stopped(); attempt++) {
    // The disk gets better at last.
    if (attempt == 5) disk_.fail_calls(failing_ = 0);
    FileInfo info;
    if (!make_folders(kData).ok()) continue;
    Status status = file_system().info(kCleanMark, &info);
    const bool clean = status.ok();
    if (!clean && !status.is_not_found()) continue;
    if (clean && (!file_system().unlink(kCleanMark).ok() || !file_system().sync_folder(kData).ok())) continue;
    bool opened = true;
    for (auto& subject : subjects_) opened = opened && open(*subject, clean);
    if (opened) return true;
    if (!wrong_.empty() || disk_.is_stopped()) return false;
    // The start failed: the process ends, and another begins.
    finish(false);
  }
  return false;
}

bool CrashRun::open(Subject& subject, bool clean) {
  const bool in_flow = std::exchange(in_flow_, false);
  const bool opened = open_alone(subject, clean);
  in_flow_ = in_flow;
  return opened;
}

std::string CrashRun::first_file_of(const Subject& subject) {
  const std::string path = subject.path + "/" + kFirstFile;
  const std::vector<std::string> paths = disk_.files(subject.path);
  if (std::ranges::find(paths, path) == paths.end()) return kNoFile;
  const std::vector<uint8_t> bytes = disk_.bytes(path);
  return std::string(bytes.begin(), bytes.end());
}

bool CrashRun::open_alone(Subject& subject, bool clean) {
  OpenOptions options;
  options.clean_shutdown = clean;
  Bytes bytes;
  const Status read = read_file(kCheckpoint, &bytes);
  if (!read.ok() && !read.is_not_found()) return false;
  if (read.ok()) {
    std::istringstream text(std::string(reinterpret_cast<const char*>(bytes.data.get()), bytes.size));
    std::string path;
    int64_t recovery_point = 0;
    int64_t log_start = 0;
    bool whole = false;
    while (text >> path) {
      if (path == "end") whole = true;
      if (whole || !(text >> recovery_point >> log_start)) break;
      if (path != subject.path) continue;
      options.recovery_point = recovery_point;
      options.log_start_offset = log_start;
    }
    if (!whole) wrong(subject, "the checkpoint is torn");
  }
  if (left_out_.failed_marker) {
    forget_failed_marker(subject.path);
    file_system().unlink(subject.path + "/" + std::string(kFailedMarkerName)).ignore();
  }
  options.first_file_name = kFirstFile;
  options.first_file = kFirstText;
  // Its name may be lost where the segment's is kept; its content may not.
  const bool had_segment = std::ranges::any_of(disk_.files(subject.path),
                                               [](const std::string& path) { return path.ends_with(kLogSuffix); });
  const std::string found = first_file_of(subject);
  if (had_segment && found != kFirstText && found != kNoFile) wrong(subject, "its first file is torn: " + found);
  const uint64_t faults = disk_.faults();
  subject.log = std::make_shared<Log>(subject.id, subject.path, sink_);
  RecoveryReport report;
  const Status status = subject.log->open(subject.settings, options, &report);
  note("open " + subject.path + " rp " + std::to_string(options.recovery_point) + " start " +
       std::to_string(options.log_start_offset) + (clean ? " clean: " : ": ") + status.name() + " end " +
       std::to_string(subject.log->log_end_offset()) + " scanned " + std::to_string(report.scanned_bytes) + " cut " +
       std::to_string(report.truncated_bytes) + " kept " + std::to_string(subject.model.durable) + "/" +
       std::to_string(subject.model.appended));
  if (!status.ok()) {
    subject.log.reset();
    if (disk_.faults() == faults && !disk_.is_stopped()) {
      wrong(subject, std::string("it does not open: ") + status.name() + " " + status.path());
    }
    return false;
  }
  // A fault leaves a mark, and the log is cut to what is on disk.
  const LogModel::Expectation expectation{subject.model.appended, options.log_start_offset};
  disk_.fail_calls(0);
  std::string what = subject.model.recovered(*subject.log, expectation);
  if (what.empty()) what = subject.model.compare(*subject.log, random_.next());
  if (what.empty() && first_file_of(subject) != (had_segment ? found : kFirstText)) what = "it lacks its first file";
  if (what.empty()) {
    for (const std::string& path : disk_.files(subject.path)) {
      if (path.ends_with(".cleaned") || path.ends_with(".swap") || path.ends_with(".deleted") ||
          path.ends_with("index.tmp") || path.ends_with(kFailedMarkerName)) {
        what = "left over: " + path;
      }
    }
  }
  if (disk_.is_stopped()) return false;
  if (!what.empty()) {
    for (const std::string& path : disk_.files(subject.path)) {
      const std::vector<uint8_t> bytes = disk_.bytes(path);
      const bool is_text = path.ends_with("flush") || path.ends_with("limit");
      note("  " + path + " " + std::to_string(bytes.size()) +
           (is_text ? " " + std::string(bytes.begin(), bytes.end()) : ""));
    }
    wrong(subject, what);
  }
  subject.failed = false;
  subject.uncertain = false;
  subject.needs_checkpoint = options.recovery_point > subject.log->log_end_offset();
  subject.log_start = std::max(subject.model.first_low, options.log_start_offset);
  disk_.fail_calls(failing_);
  return wrong_.empty();
}

void CrashRun::work() {
  in_flow_ = true;
  for (auto steps = random_.between(5, 60); steps > 0 && wrong_.empty() && !disk_.is_stopped(); steps--) {
    totals_.steps++;
    Subject& subject = *subjects_[random_.below(subjects_.size())];
    if (subject.failed) {
      if (random_.chance(0.5)) reopen(subject);
      continue;
    }
    const auto dice = random_.below(100);
    if (dice < 45) {
      append(subject);
    } else if (dice < 70) {
      for (auto n = random_.below(6); n > 0 && run_task(); n--) {}
    } else if (dice < 76) {
      note("flush " + subject.path);
      subject.log->flush(++last_id_);
    } else if (dice < 79) {
      if (subject.needs_checkpoint) continue;
      note("roll " + subject.path);
      subject.log->roll(++last_id_);
    } else if (dice < 84) {
      write_checkpoint();
    } else if (dice < 87) {
      change(subject);
    } else if (dice < 93) {
      if (subject.compacted) compact(subject);
    } else if (dice < 96) {
      delete_before(subject);
    } else if (dice < 97) {
      remove(subject);
    } else if (dice < 98) {
      // As if other logs had taken the place in the cache.
      const uint64_t newest = HandleCache::next_id();
      for (uint64_t back = 1; back <= 60; back++) {
        if (random_.chance(0.5)) HandleCache::instance().erase(newest - back);
      }
    } else {
      drain();
      if (!disk_.is_stopped() && !subject.failed && !subject.uncertain && !faulty_) {
        const std::string what = subject.model.compare(*subject.log, random_.next());
        if (!what.empty() && !disk_.is_stopped()) wrong(subject, what);
      }
    }
  }
  in_flow_ = false;
}

// The process is gone, or the power.
void CrashRun::finish(bool power_cut) {
  const bool faults = disk_.faults() > 0;
  disk_.stop();
  drain();
  settle();
  for (auto& subject : subjects_) {
    if (subject->log) subject->log->abandon();
    subject->log.reset();
    subject->pending.clear();
    forget_failed_marker(subject->path);
    if (power_cut || faults) subject->model.appended = subject->model.durable;
  }
  sink_ = std::make_shared<Sink>();
  if (power_cut) {
    totals_.power_cuts++;
    disk_.restart_machine();
  } else {
    totals_.kills++;
    disk_.restart_process();
  }
  note(power_cut ? "power cut" : "kill");
}

void CrashRun::append(Subject& subject) {
  if (subject.needs_checkpoint || subject.failed || disk_.is_stopped()) return;
  for (auto n = random_.between(1, 4); n > 0; n--) {
    Pending pending;
    pending.bytes = std::make_unique<std::vector<uint8_t>>();
    pending.base = subject.model.end;
    for (auto batches = random_.between(1, 3); batches > 0; batches--) {
      clock_ += random_.between(0, 10);
      const int padding = 8 + static_cast<int>(random_.chance(0.03) ? random_.below(600) : random_.below(60));
      std::vector<uint8_t> batch =
          make_batch(static_cast<int>(random_.between(1, 4)), clock_ - random_.between(0, 15), 0, padding);
      // Into the last value, so that no two batches are the same.
      store_be<int64_t>(batch.data() + batch.size() - 9, static_cast<int64_t>(++batches_));
      seal_crc(batch.data(), batch.size());
      if (pending.bytes->size() + batch.size() > static_cast<size_t>(subject.settings.segment_bytes)) break;
      pending.bytes->insert(pending.bytes->end(), batch.begin(), batch.end());
      subject.model.add(std::move(batch), 7);
    }
    if (pending.bytes->empty()) continue;
    pending.end = subject.model.end;
    Append append;
    append.id = ++last_id_;
    append.bytes = pending.bytes->data();
    append.size = pending.bytes->size();
    append.leader_epoch = 7;
    if (random_.chance(0.3)) append.flush = random_.chance(0.5) ? Flush::kAwaited : Flush::kAsked;
    pending.flushed = append.flush == Flush::kAwaited;
    note("append " + subject.path + " " + std::to_string(pending.base) + "-" + std::to_string(pending.end) +
         (append.flush != Flush::kNone ? " flush" : ""));
    subject.pending[append.id] = std::move(pending);
    subject.log->append(append);
  }
}

// A truncation or a reset.
void CrashRun::change(Subject& subject) {
  drain();
  LogModel& model = subject.model;
  if (subject.failed || disk_.is_stopped() || model.batches.empty()) return;
  Status status;
  if (random_.chance(0.25)) {
    const int64_t offset = model.end + random_.between(0, 50);
    note("reset " + subject.path + " to " + std::to_string(offset));
    if (!lower_checkpoint(subject, 0)) return;
    model.durable = model.appended = 0;
    model.first_high = std::max(model.first_high, offset);
    model.reset_to = offset;
    status = call(subject, [&](double id) { subject.log->reset(id, offset); });
    if (status.ok()) model.start_anew(offset);
  } else {
    const size_t from = random_.chance(0.7)
                            ? model.batches.size() - 1 - random_.below(std::min<size_t>(model.batches.size(), 5))
                            : random_.below(model.batches.size());
    const ModelBatch& first = model.batches[from];
    if (first.base < subject.log->first_segment_offset()) return;
    const int64_t offset = random_.between(first.base, first.last);
    note("truncate " + subject.path + " to " + std::to_string(offset));
    if (!lower_checkpoint(subject, first.base)) return;
    model.durable = std::min(model.durable, first.base);
    model.appended = std::min(model.appended, first.base);
    const int64_t cut_to = first.base;
    status = call(subject, [&](double id) { subject.log->truncate(id, offset); });
    if (status.ok()) {
      model.cut(offset);
      model.end = subject.log->log_end_offset();
      const int64_t least = model.batches.empty() ? 0 : model.batches.back().last + 1;
      if (model.end > offset || model.end < least) wrong(subject, "the log ends elsewhere after a truncation");
      model.appended = std::min(cut_to, model.end);
      model.durable = std::min(model.durable, model.appended);
    }
  }
  note(std::string("  ") + status.name());
  subject.checkpoint_limit = std::numeric_limits<int64_t>::max();
  if (status.ok()) {
    subject.log_start = std::min(subject.log_start, subject.log->log_end_offset());
    subject.needs_checkpoint = true;
    write_checkpoint();
  }
}

// As log.h asks of those who cut.
bool CrashRun::lower_checkpoint(Subject& subject, int64_t offset) {
  subject.checkpoint_limit = offset;
  const bool written = write_checkpoint();
  if (!written) subject.checkpoint_limit = std::numeric_limits<int64_t>::max();
  return written;
}

void CrashRun::compact(Subject& subject) {
  drain();
  LogModel& model = subject.model;
  if (subject.failed || subject.uncertain || disk_.is_stopped()) return;
  const std::vector<SegmentSummary> segments = subject.log->segments();
  if (segments.size() < 2) return;
  const size_t from = random_.below(segments.size() - 1);
  const size_t to = std::min(segments.size() - 1, from + 1 + random_.below(3));
  std::vector<int64_t> replaced;
  for (size_t i = from; i < to; i++) replaced.push_back(segments[i].base_offset);
  const int64_t base = segments[from].base_offset;
  const int64_t end = segments[to].base_offset;
  std::vector<uint8_t> bytes;
  for (ModelBatch& batch : model.batches) {
    if (batch.base < base || batch.last >= end) continue;
    if (random_.chance(0.5)) {
      bytes.insert(bytes.end(), batch.bytes.begin(), batch.bytes.end());
    } else {
      batch.may_be_compacted = true;
    }
  }
  note("compact " + subject.path + " " + std::to_string(base) + "-" + std::to_string(end));
  const std::string path = segment_file(subject.path, base, kLogSuffix) + std::string(kCleanedSuffix);
  std::shared_ptr<File> file;
  Status status = file_system().open(path, OpenMode::kCreateTruncate, &file);
  if (status.ok() && !bytes.empty()) status = file->pwrite(bytes.data(), bytes.size(), 0);
  if (status.ok()) status = call(subject, [&](double id) { subject.log->replace_segments(id, {base}, replaced); });
  note(std::string("  ") + status.name());
  if (status.ok()) {
    std::erase_if(model.batches, [](const ModelBatch& batch) { return batch.may_be_compacted; });
  } else {
    subject.uncertain = true;
  }
}

// DeleteRecords: the log start rises, and is made durable or not; then segments go.
void CrashRun::delete_before(Subject& subject) {
  drain();
  LogModel& model = subject.model;
  if (subject.failed || disk_.is_stopped() || model.appended <= subject.log_start) return;
  subject.log_start = random_.between(subject.log_start, model.appended);
  note("delete " + subject.path + " before " + std::to_string(subject.log_start));
  if (random_.chance(0.5)) write_checkpoint();
  const std::vector<SegmentSummary> segments = subject.log->segments();
  int64_t first = segments.front().base_offset;
  for (const SegmentSummary& segment : segments) {
    if (segment.base_offset <= subject.log_start) first = segment.base_offset;
  }
  model.first_high = std::max(model.first_high, first);
  const Status status = call(subject, [&](double id) { subject.log->delete_segments_before(id, subject.log_start); });
  note(std::string("  ") + status.name());
  if (status.ok()) model.first_low = std::max(model.first_low, first);
}

// A topic is deleted and created again under its name.
void CrashRun::remove(Subject& subject) {
  drain();
  LogModel& model = subject.model;
  if (subject.failed || disk_.is_stopped()) return;
  note("remove " + subject.path);
  model.durable = model.appended = 0;
  model.reset_to = 0;
  const Status status = call(subject, [&](double id) { subject.log->remove(id, subject.path + ".deleted"); });
  note(std::string("  ") + status.name());
  if (!status.ok()) {
    subject.failed = true;
    return;
  }
  drain();
  remove_tree(subject.path + ".deleted").ignore();
  subject.log.reset();
  model.start_anew(0);
  subject.log_start = 0;
  // The checkpoint names it no longer before another takes the name.
  while (!disk_.is_stopped() && !write_checkpoint()) {}
  if (!disk_.is_stopped() && !open(subject, false) && wrong_.empty()) subject.failed = true;
}

// A log that failed is opened again by the same process.
void CrashRun::reopen(Subject& subject) {
  drain();
  if (disk_.is_stopped()) return;
  note("reopen " + subject.path);
  if (subject.log) {
    std::vector<uint8_t> batch = make_batch(1);
    Append append;
    append.id = ++last_id_;
    append.bytes = batch.data();
    append.size = batch.size();
    subject.log->append(append);
    drain();
    const Code code = sink_->done[append.id].status.code();
    if (code != Code::kLogFailed && code != Code::kClosed) wrong(subject, "a failed log took an append");
    subject.log->abandon();
  }
  subject.log.reset();
  std::erase(sink_->failed, subject.id);
  subject.pending.clear();
  subject.model.appended = subject.model.durable;
  open(subject, false);
}

bool CrashRun::write_checkpoint() {
  const bool in_flow = std::exchange(in_flow_, false);
  std::string text;
  for (const auto& subject : subjects_) {
    const int64_t recovery_point =
        subject->log ? std::min(subject->log->flushed_offset(), subject->checkpoint_limit) : 0;
    text += subject->path + " " + std::to_string(recovery_point) + " " + std::to_string(subject->log_start) + "\n";
  }
  const bool written = write_atomically(kCheckpoint, text + "end\n").ok();
  in_flow_ = in_flow;
  note(written ? "checkpoint" : "no checkpoint");
  for (auto& subject : subjects_) subject->needs_checkpoint = subject->needs_checkpoint && !written;
  return written;
}

bool CrashRun::close_cleanly() {
  drain();
  bool clean = true;
  for (auto& subject : subjects_) {
    if (!subject->log) {
      clean = false;
      continue;
    }
    const bool failed = subject->failed;
    const Status status = call(*subject, [&](double id) { subject->log->close(id); });
    clean = clean && status.ok() && !failed && !subject->uncertain;
    if (status.ok() && !failed) subject->model.durable = subject->model.appended;
  }
  return clean && write_checkpoint() && write_atomically(kCleanMark, "clean").ok();
}

bool CrashRun::run_task() {
  if (tasks_.empty()) return false;
  const size_t i = random_.below(tasks_.size());
  std::function<void()> task = std::move(tasks_[i]);
  tasks_.erase(tasks_.begin() + static_cast<ptrdiff_t>(i));
  task();
  settle();
  return true;
}

void CrashRun::drain() {
  while (run_task()) {}
}

// A change of the log, alone.
Status CrashRun::call(Subject& subject, const std::function<void(double id)>& submit) {
  drain();
  const double id = ++last_id_;
  const bool in_flow = std::exchange(in_flow_, false);
  submit(id);
  const auto done = [&] { return sink_->done.contains(id); };
  while (!done() && run_task()) {}
  in_flow_ = in_flow;
  if (!done()) {
    wrong(subject, "a call was not answered");
    return Status(Code::kIo);
  }
  Status status = sink_->done[id].status;
  sink_->done.erase(id);
  if (!status.ok() && !disk_.is_stopped() && disk_.faults() == 0) {
    wrong(subject, std::string("refused without a fault: ") + status.name() + " " + status.path());
  }
  return status;
}

// Takes in what was told.
void CrashRun::settle() {
  for (auto& subject : subjects_) {
    if (!subject->log) continue;
    // From when it fails on it takes nothing.
    if (!subject->failed && std::erase(sink_->failed, subject->id) > 0) subject->failed = true;
    for (auto it = subject->pending.begin(); it != subject->pending.end();) {
      const auto found = sink_->done.find(it->first);
      if (found == sink_->done.end()) break;
      const Completion completion = std::move(found->second);
      sink_->done.erase(found);
      if (completion.status.ok()) {
        if (completion.values[0] != static_cast<double>(it->second.base)) wrong(*subject, "another base offset");
        subject->model.appended = it->second.end;
        if (it->second.flushed && subject->log->flushed_offset() < it->second.end) {
          wrong(*subject, "answered before it was on disk");
        }
      } else {
        subject->failed = true;
        if (disk_.faults() == 0 && !disk_.is_stopped()) {
          wrong(*subject, std::string("an append was refused without a fault: ") + completion.status.name());
        }
      }
      it = subject->pending.erase(it);
    }
    subject->model.durable =
        std::max(subject->model.durable, std::min(subject->log->flushed_offset(), subject->model.appended));
  }
}

void CrashRun::wrong(const Subject& subject, const std::string& what) {
  if (wrong_.empty()) wrong_ = subject.path + ": " + what;
}

void CrashRun::note(std::string line) { schedule_.push_back(std::move(line)); }

}  // namespace odradek::test
