// A log as a JavaScript object. Calls take the id of the operation first; its completion carries it. JavaScript
// thread.
#pragma once

#include <napi.h>

#include <memory>

#include "completion_queue.h"
#include "environment.h"
#include "log.h"
#include "log_follower.h"

namespace odradek {

class LogWrap : public Napi::ObjectWrap<LogWrap> {
 public:
  static void Init(Napi::Env env, Napi::Object exports);
  explicit LogWrap(const Napi::CallbackInfo& info);

 private:
  void Open(const Napi::CallbackInfo& info);
  void Configure(const Napi::CallbackInfo& info);
  void Append(const Napi::CallbackInfo& info);
  void Flush(const Napi::CallbackInfo& info);
  void Roll(const Napi::CallbackInfo& info);
  void DeleteSegmentsBefore(const Napi::CallbackInfo& info);
  void Truncate(const Napi::CallbackInfo& info);
  void Refresh(const Napi::CallbackInfo& info);
  void ReplaceEnd(const Napi::CallbackInfo& info);
  void PublishStart(const Napi::CallbackInfo& info);
  void Reset(const Napi::CallbackInfo& info);
  void ReplaceSegments(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  void Remove(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);
  void ReadBytes(const Napi::CallbackInfo& info);
  void ReadBatches(const Napi::CallbackInfo& info);
  void ScanHeaders(const Napi::CallbackInfo& info);
  void FindByTimestamp(const Napi::CallbackInfo& info);
  void CheckTimestamps(const Napi::CallbackInfo& info);
  Napi::Value Segments(const Napi::CallbackInfo& info);
  Napi::Value FirstSegmentOffset(const Napi::CallbackInfo& info);
  Napi::Value LogEndOffset(const Napi::CallbackInfo& info);
  Napi::Value FlushedOffset(const Napi::CallbackInfo& info);
  Napi::Value SizeInBytes(const Napi::CallbackInfo& info);

  void Acquire(const Napi::CallbackInfo& info);
  void ReleaseTurn(const Napi::CallbackInfo& info);
  void LockFolder(const Napi::CallbackInfo& info);
  void Share(const Napi::CallbackInfo& info);
  void Join(const Napi::CallbackInfo& info);
  Napi::Value Leave(const Napi::CallbackInfo& info);
  void Clear(const Napi::CallbackInfo& info);
  void End(const Napi::CallbackInfo& info);
  Napi::Value Note(const Napi::CallbackInfo& info);
  Napi::Value IsFirst(const Napi::CallbackInfo& info);
  Napi::Value SharedStart(const Napi::CallbackInfo& info);
  void SetSharedStart(const Napi::CallbackInfo& info, const Napi::Value& value);

  // The id under which the engine completes the operation: that of a shared log serves several handles.
  double engine_id(const Napi::CallbackInfo& info);
  double begin(const Napi::CallbackInfo& info);

  std::shared_ptr<CompletionQueue> completions_;
  std::shared_ptr<Log> log_;
  // Made by the first refresh of a log that another process writes.
  std::shared_ptr<LogFollower> follower_;
  // Of a shared log.
  std::shared_ptr<Membership> membership_;
};

}  // namespace odradek
