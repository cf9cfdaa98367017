#include "log_wrap.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "environment.h"
#include "file_range_wrap.h"
#include "thread_pool.h"

namespace odradek {
namespace {

// Infinity and all that an int64 cannot hold mean "never".
int64_t to_int64(double value) {
  if (!(value < 9.2e18)) return kNever;
  if (value < -9.2e18) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

int64_t int64_at(const Napi::CallbackInfo& info, size_t i) {
  return to_int64(info[i].As<Napi::Number>().DoubleValue());
}

int64_t int64_of(Napi::Object object, const char* name) { return to_int64(object.Get(name).ToNumber().DoubleValue()); }

LogSettings settings_of(Napi::Object object) {
  LogSettings settings;
  settings.segment_bytes = int64_of(object, "segmentBytes");
  settings.segment_ms = int64_of(object, "segmentMs");
  settings.index_interval_bytes = int64_of(object, "indexIntervalBytes");
  settings.segment_index_bytes = int64_of(object, "segmentIndexBytes");
  settings.max_message_bytes = int64_of(object, "maxMessageBytes");
  settings.log_append_time = object.Get("timestampType").ToString().Utf8Value() == "LogAppendTime";
  settings.timestamp_before_max_ms = int64_of(object, "timestampBeforeMaxMs");
  settings.timestamp_after_max_ms = int64_of(object, "timestampAfterMaxMs");
  settings.require_key = object.Get("requireKey").ToBoolean().Value();
  settings.flush_messages = int64_of(object, "flushMessages");
  settings.flush_ms = int64_of(object, "flushMs");
  // Positions in an index have 31 bits in Kafka.
  settings.segment_bytes = std::min<int64_t>(settings.segment_bytes, std::numeric_limits<int32_t>::max());
  return settings;
}

std::vector<int64_t> offsets_of(Napi::Array array) {
  std::vector<int64_t> offsets(array.Length());
  for (uint32_t i = 0; i < offsets.size(); i++) offsets[i] = to_int64(array.Get(i).ToNumber().DoubleValue());
  return offsets;
}

// Arguments 1 to 4 of read and readBytes.
ReadRequest read_request(const Napi::CallbackInfo& info) {
  ReadRequest request;
  request.offset = int64_at(info, 1);
  request.max_bytes = static_cast<uint64_t>(std::max<int64_t>(int64_at(info, 2), 0));
  request.min_one_batch = info[3].As<Napi::Boolean>().Value();
  request.max_offset = int64_at(info, 4);
  return request;
}

Completion read_completion(double id, Status status, const ReadAnswer& answer) {
  Completion completion = Completion::operation(id, std::move(status));
  completion.values[0] = answer.range.file ? static_cast<double>(answer.first_batch_offset) : -1;
  completion.values[1] = static_cast<double>(answer.range.length);
  return completion;
}

}  // namespace

void LogWrap::Init(Napi::Env env, Napi::Object exports) {
  exports.Set("Log", DefineClass(env, "Log",
                                 {
                                     InstanceMethod<&LogWrap::Open>("open"),
                                     InstanceMethod<&LogWrap::Configure>("configure"),
                                     InstanceMethod<&LogWrap::Append>("append"),
                                     InstanceMethod<&LogWrap::Flush>("flush"),
                                     InstanceMethod<&LogWrap::Roll>("roll"),
                                     InstanceMethod<&LogWrap::DeleteSegmentsBefore>("deleteSegmentsBefore"),
                                     InstanceMethod<&LogWrap::Truncate>("truncate"),
                                     InstanceMethod<&LogWrap::Refresh>("refresh"),
                                     InstanceMethod<&LogWrap::Acquire>("acquire"),
                                     InstanceMethod<&LogWrap::ReleaseTurn>("release"),
                                     InstanceMethod<&LogWrap::LockFolder>("lockFolder"),
                                     InstanceMethod<&LogWrap::Share>("share"),
                                     InstanceMethod<&LogWrap::Join>("join"),
                                     InstanceMethod<&LogWrap::Leave>("leave"),
                                     InstanceMethod<&LogWrap::Clear>("clear"),
                                     InstanceMethod<&LogWrap::End>("end"),
                                     InstanceAccessor<&LogWrap::Note>("note"),
                                     InstanceAccessor<&LogWrap::IsFirst>("isFirst"),
                                     InstanceAccessor<&LogWrap::SharedStart, &LogWrap::SetSharedStart>("sharedStart"),
                                     InstanceMethod<&LogWrap::ReplaceEnd>("replaceEnd"),
                                     InstanceMethod<&LogWrap::PublishStart>("publishStart"),
                                     InstanceMethod<&LogWrap::Reset>("reset"),
                                     InstanceMethod<&LogWrap::ReplaceSegments>("replaceSegments"),
                                     InstanceMethod<&LogWrap::Close>("close"),
                                     InstanceMethod<&LogWrap::Remove>("remove"),
                                     InstanceMethod<&LogWrap::Read>("read"),
                                     InstanceMethod<&LogWrap::ReadBytes>("readBytes"),
                                     InstanceMethod<&LogWrap::ReadBatches>("readBatches"),
                                     InstanceMethod<&LogWrap::ScanHeaders>("scanHeaders"),
                                     InstanceMethod<&LogWrap::FindByTimestamp>("findByTimestamp"),
                                     InstanceMethod<&LogWrap::CheckTimestamps>("checkTimestamps"),
                                     InstanceMethod<&LogWrap::Segments>("segments"),
                                     InstanceAccessor<&LogWrap::FirstSegmentOffset>("firstSegmentOffset"),
                                     InstanceAccessor<&LogWrap::LogEndOffset>("logEndOffset"),
                                     InstanceAccessor<&LogWrap::FlushedOffset>("flushedOffset"),
                                     InstanceAccessor<&LogWrap::SizeInBytes>("sizeInBytes"),
                                 }));
}

LogWrap::LogWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LogWrap>(info) {
  Environment& environment = Environment::of(info.Env());
  completions_ = environment.completions;
  if (info[2].ToBoolean().Value()) {
    membership_ = std::make_shared<Membership>(SharedLog::of(info[1].As<Napi::String>().Utf8Value()), completions_,
                                               info[0].As<Napi::Number>().DoubleValue());
    environment.add(membership_);
    return;
  }
  log_ = std::make_shared<Log>(info[0].As<Napi::Number>().DoubleValue(), info[1].As<Napi::String>().Utf8Value(),
                               completions_);
  environment.add(log_);
}

double LogWrap::begin(const Napi::CallbackInfo& info) {
  completions_->begin();
  return info[0].As<Napi::Number>().DoubleValue();
}

double LogWrap::engine_id(const Napi::CallbackInfo& info) {
  return begin(info) + (membership_ ? SharedLog::id_base(membership_->member) : 0);
}

void LogWrap::Open(const Napi::CallbackInfo& info) {
  const double id = begin(info);
  Napi::Object object = info[1].As<Napi::Object>();
  if (membership_) log_ = std::make_shared<Log>(0, membership_->log->path(), membership_->log);
  OpenOptions options;
  options.recovery_point = int64_of(object, "recoveryPoint");
  options.clean_shutdown = object.Get("cleanShutdown").ToBoolean().Value();
  options.log_start_offset = int64_of(object, "logStartOffset");
  const std::string publish = object.Get("publish").ToString().Utf8Value();
  if (publish == "flushed") options.publish = Publish::kFlushed;
  if (publish == "written") options.publish = Publish::kWritten;
  if (const Napi::Value file = object.Get("firstFile"); file.IsObject()) {
    options.first_file_name = file.As<Napi::Object>().Get("name").ToString().Utf8Value();
    options.first_file = file.As<Napi::Object>().Get("text").ToString().Utf8Value();
  }
  ThreadPool::read().post([id, log = log_, sink = completions_, settings = settings_of(object), options] {
    RecoveryReport report;
    Completion completion = Completion::operation(id, log->open(settings, options, &report));
    completion.values[0] = static_cast<double>(report.scanned_bytes);
    completion.values[1] = static_cast<double>(report.truncated_bytes);
    completion.values[2] = report.rebuilt_indexes;
    sink->post(std::move(completion));
  });
}

// id, whether to look for new segments: start offset, cuts, whether the writer publishes
void LogWrap::Refresh(const Napi::CallbackInfo& info) {
  if (!follower_) follower_ = std::make_shared<LogFollower>(log_);
  ThreadPool::read().post(
      [id = begin(info), follower = follower_, sink = completions_, segments = info[1].ToBoolean().Value()] {
        LogProgress progress;
        bool published = false;
        Completion completion = Completion::operation(id, follower->refresh(segments, &progress, &published));
        completion.values[0] = static_cast<double>(progress.start_offset);
        completion.values[1] = static_cast<double>(progress.cuts);
        completion.values[2] = published ? 1 : 0;
        sink->post(std::move(completion));
      });
}

// id, offset, batches that are put in the place of what is cut: may be empty
void LogWrap::ReplaceEnd(const Napi::CallbackInfo& info) {
  Napi::Uint8Array kept = info[2].As<Napi::Uint8Array>();
  log_->replace_end(engine_id(info), int64_at(info, 1), {kept.Data(), kept.Data() + kept.ByteLength()});
}

void LogWrap::PublishStart(const Napi::CallbackInfo& info) { log_->publish_start(engine_id(info), int64_at(info, 1)); }

void LogWrap::Configure(const Napi::CallbackInfo& info) { log_->configure(settings_of(info[0].As<Napi::Object>())); }

// id, bytes, leader epoch, origin (as in BatchOrigin), flush (as in Flush), refusals seen
void LogWrap::Append(const Napi::CallbackInfo& info) {
  odradek::Append append;
  append.id = engine_id(info);
  Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  append.bytes = bytes.Data();
  append.size = bytes.ByteLength();
  append.leader_epoch = info[2].As<Napi::Number>().Int32Value();
  append.origin = static_cast<BatchOrigin>(info[3].As<Napi::Number>().Int32Value());
  append.flush = static_cast<odradek::Flush>(info[4].As<Napi::Number>().Int32Value());
  append.refusals_seen = static_cast<uint64_t>(info[5].As<Napi::Number>().DoubleValue());
  log_->append(append);
}

void LogWrap::Flush(const Napi::CallbackInfo& info) { log_->flush(engine_id(info)); }
void LogWrap::Roll(const Napi::CallbackInfo& info) { log_->roll(engine_id(info)); }
void LogWrap::DeleteSegmentsBefore(const Napi::CallbackInfo& info) {
  log_->delete_segments_before(engine_id(info), int64_at(info, 1));
}
void LogWrap::Truncate(const Napi::CallbackInfo& info) { log_->truncate(engine_id(info), int64_at(info, 1)); }
void LogWrap::Reset(const Napi::CallbackInfo& info) { log_->reset(engine_id(info), int64_at(info, 1)); }
void LogWrap::ReplaceSegments(const Napi::CallbackInfo& info) {
  log_->replace_segments(engine_id(info), offsets_of(info[1].As<Napi::Array>()), offsets_of(info[2].As<Napi::Array>()));
}
void LogWrap::Close(const Napi::CallbackInfo& info) {
  follower_ = nullptr;
  log_->close(engine_id(info));
}
void LogWrap::Remove(const Napi::CallbackInfo& info) {
  log_->remove(engine_id(info), info[1].As<Napi::String>().Utf8Value());
}

// A FileRange or null where the answer is known at once, with first batch offset and length in the scratch; a number
// is an error's code; undefined says that the completion brings it.
Napi::Value LogWrap::Read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const ReadRequest request = read_request(info);
  ReadAnswer answer;
  const Status status = log_->read(request, false, &answer);
  if (!status.ok()) return Napi::Number::New(env, static_cast<int>(status.code()));
  if (!answer.would_wait) {
    if (!answer.range.file) return env.Null();
    double* scratch = Environment::of(env).scratch;
    scratch[0] = static_cast<double>(answer.first_batch_offset);
    scratch[1] = static_cast<double>(answer.range.length);
    return FileRangeWrap::Create(env, std::move(answer.range));
  }
  ThreadPool::read().post([id = begin(info), log = log_, sink = completions_, request] {
    ReadAnswer found;
    Status read = log->read(request, true, &found);
    Completion completion = read_completion(id, std::move(read), found);
    if (found.range.file) completion.payload = std::move(found.range);
    sink->post(std::move(completion));
  });
  return env.Undefined();
}

void LogWrap::ReadBytes(const Napi::CallbackInfo& info) {
  ThreadPool::read().post([id = begin(info), log = log_, sink = completions_, request = read_request(info)] {
    ReadAnswer found;
    Status status = log->read(request, true, &found);
    Bytes bytes = Bytes::allocate(found.range.length);
    if (status.ok() && !bytes.data) status = Status(Code::kIo, ENOMEM, log->path());
    if (status.ok() && found.range.file) {
      status = found.range.file->pread(bytes.data.get(), bytes.size, found.range.position, &bytes.size);
    }
    Completion completion = read_completion(id, std::move(status), found);
    if (completion.status.ok()) completion.payload = std::move(bytes);
    sink->post(std::move(completion));
  });
}

void LogWrap::ReadBatches(const Napi::CallbackInfo& info) {
  ThreadPool::read().post([id = begin(info), log = log_, sink = completions_, request = read_request(info)] {
    CheckedBatches batches;
    Completion completion = Completion::operation(id, log->read_batches(request, &batches));
    completion.values[0] = static_cast<double>(batches.next_offset);
    completion.values[1] = batches.compressed ? 1 : 0;
    if (completion.status.ok()) completion.payload = std::move(batches.bytes);
    sink->post(std::move(completion));
  });
}

void LogWrap::ScanHeaders(const Napi::CallbackInfo& info) {
  ThreadPool::read().post([id = begin(info), log = log_, sink = completions_, from = int64_at(info, 1),
                           to = int64_at(info, 2),
                           most = static_cast<size_t>(std::max<int64_t>(int64_at(info, 3), 0))] {
    Bytes headers;
    size_t count = 0;
    int64_t next = from;
    Completion completion = Completion::operation(id, log->scan_headers(from, to, most, &headers, &count, &next));
    completion.values[0] = static_cast<double>(count);
    completion.values[1] = static_cast<double>(next);
    if (completion.status.ok()) completion.payload = std::move(headers);
    sink->post(std::move(completion));
  });
}

void LogWrap::FindByTimestamp(const Napi::CallbackInfo& info) {
  ThreadPool::read().post(
      [id = begin(info), log = log_, sink = completions_, timestamp = int64_at(info, 1), from = int64_at(info, 2)] {
        int64_t offset = -1;
        Completion completion = Completion::operation(id, log->find_by_timestamp(timestamp, from, &offset));
        completion.values[0] = static_cast<double>(offset);
        sink->post(std::move(completion));
      });
}

// What follows is for logs that are shared only.

void LogWrap::Acquire(const Napi::CallbackInfo& info) { membership_->log->acquire(membership_->member, begin(info)); }
void LogWrap::ReleaseTurn(const Napi::CallbackInfo&) { membership_->log->release(membership_->member); }

// id, path of the lock's file
void LogWrap::LockFolder(const Napi::CallbackInfo& info) {
  ThreadPool::read().post([id = begin(info), shared = membership_->log, sink = completions_,
                           path = info[1].As<Napi::String>().Utf8Value()] {
    std::shared_ptr<File> file;
    Status status = file_system().open(path, OpenMode::kCreate, &file);
    if (status.ok()) status = file->lock();
    if (status.ok()) shared->hold(std::move(file));
    sink->post(Completion::operation(id, std::move(status)));
  });
}

// note, whether each append is told to all
void LogWrap::Share(const Napi::CallbackInfo& info) {
  membership_->log->share(membership_->member, log_, info[0].As<Napi::String>().Utf8Value(),
                          info[1].ToBoolean().Value());
}
void LogWrap::Join(const Napi::CallbackInfo&) { log_ = membership_->log->join(membership_->member); }
Napi::Value LogWrap::Leave(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(membership_->log->leave(membership_->member)));
}
void LogWrap::Clear(const Napi::CallbackInfo&) { membership_->log->clear(); }
void LogWrap::End(const Napi::CallbackInfo&) { membership_->end(); }

// Null where nobody shares the log.
Napi::Value LogWrap::Note(const Napi::CallbackInfo& info) {
  if (!membership_->log->is_shared()) return info.Env().Null();
  return Napi::String::New(info.Env(), membership_->log->note());
}
Napi::Value LogWrap::IsFirst(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), membership_->log->is_first(membership_->member));
}
Napi::Value LogWrap::SharedStart(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(membership_->log->start_offset.load()));
}
void LogWrap::SetSharedStart(const Napi::CallbackInfo&, const Napi::Value& value) {
  membership_->log->start_offset.store(to_int64(value.ToNumber().DoubleValue()));
}

void LogWrap::CheckTimestamps(const Napi::CallbackInfo& info) {
  ThreadPool::read().post([id = begin(info), log = log_, sink = completions_, below = int64_at(info, 1)] {
    sink->post(Completion::operation(id, log->check_timestamps(below)));
  });
}

// Six numbers for each segment, in the order of SegmentInfo's fields.
Napi::Value LogWrap::Segments(const Napi::CallbackInfo& info) {
  const std::vector<SegmentSummary> segments = log_->segments();
  Napi::Float64Array numbers = Napi::Float64Array::New(info.Env(), segments.size() * 6);
  // The environment is being stopped.
  if (numbers.IsEmpty()) return numbers;
  double* out = numbers.Data();
  for (const SegmentSummary& segment : segments) {
    *out++ = static_cast<double>(segment.base_offset);
    *out++ = static_cast<double>(segment.size);
    *out++ = static_cast<double>(segment.max_timestamp.timestamp);
    *out++ = static_cast<double>(segment.max_timestamp.offset);
    *out++ = static_cast<double>(segment.last_modified_ms);
    *out++ = segment.active ? 1 : 0;
  }
  return numbers;
}

Napi::Value LogWrap::FirstSegmentOffset(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(log_->first_segment_offset()));
}
Napi::Value LogWrap::LogEndOffset(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(log_->log_end_offset()));
}
Napi::Value LogWrap::FlushedOffset(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(log_->flushed_offset()));
}
Napi::Value LogWrap::SizeInBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(log_->size()));
}

}  // namespace odradek
