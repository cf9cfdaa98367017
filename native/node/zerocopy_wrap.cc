// The zero-copy calls as JavaScript sees them. All run on the JavaScript thread but for ReadTask::Execute.
#include <napi.h>

#include <string>

#include "file.h"
#include "file_range_wrap.h"
#include "zerocopy.h"

namespace odradek {
namespace {

const char* const kStates[] = {"done", "blocked", "cold", "failed"};

// REQUIRES: lib/native/zerocopy.ts has checked the types.
const FileRange* RangeArgument(const Napi::CallbackInfo& info, size_t index) {
  const FileRange* range = FileRangeWrap::From(info[index]);
  if (!range) Napi::TypeError::New(info.Env(), "not a file range, or released").ThrowAsJavaScriptException();
  return range;
}

uint64_t Unsigned(const Napi::Value& value) {
  const int64_t number = value.As<Napi::Number>().Int64Value();
  return number < 0 ? 0 : static_cast<uint64_t>(number);
}

Napi::Value ToObject(Napi::Env env, const SendResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("sent", Napi::Number::New(env, static_cast<double>(result.sent)));
  object.Set("state", kStates[static_cast<int>(result.state)]);
  object.Set("errno", result.error);
  return object;
}

Napi::Error ToError(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, std::string(status.name()) + ": " + status.path());
  error.Set("code", status.name());
  error.Set("errno", static_cast<double>(status.error()));
  error.Set("path", status.path());
  return error;
}

// sendRange(socket, range, offset, max): { sent, state, errno }
Napi::Value SendRange(const Napi::CallbackInfo& info) {
  const FileRange* range = RangeArgument(info, 1);
  if (!range) return Napi::Value();
  const int socket = info[0].As<Napi::Number>().Int32Value();
  return ToObject(info.Env(), send_file_range(socket, *range, Unsigned(info[2]), Unsigned(info[3])));
}

// sendBytes(socket, bytes, more): { sent, state, errno }
Napi::Value SendBytes(const Napi::CallbackInfo& info) {
  const auto bytes = info[1].As<Napi::Uint8Array>();
  const int socket = info[0].As<Napi::Number>().Int32Value();
  return ToObject(info.Env(), send_bytes(socket, bytes.Data(), bytes.ByteLength(), info[2].ToBoolean()));
}

// residentBytes(range, offset, max): number
Napi::Value ResidentBytes(const Napi::CallbackInfo& info) {
  const FileRange* range = RangeArgument(info, 0);
  if (!range) return Napi::Value();
  const uint64_t resident = resident_bytes(*range, Unsigned(info[1]), Unsigned(info[2]));
  return Napi::Number::New(info.Env(), static_cast<double>(resident));
}

// readRangeCached(range, offset, into): number
Napi::Value ReadRangeCached(const Napi::CallbackInfo& info) {
  const FileRange* range = RangeArgument(info, 0);
  if (!range) return Napi::Value();
  auto into = info[2].As<Napi::Uint8Array>();
  const size_t read = read_range_cached(*range, Unsigned(info[1]), into.Data(), into.ByteLength());
  return Napi::Number::New(info.Env(), static_cast<double>(read));
}

class ReadTask : public Napi::AsyncWorker {
 public:
  ReadTask(Napi::Env env, const FileRange& range, uint64_t offset, Napi::Uint8Array into)
      : Napi::AsyncWorker(env),
        deferred_(env),
        range_(range),
        offset_(offset),
        data_(into.Data()),
        size_(into.ByteLength()),
        into_(Napi::Persistent(into)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  // On a thread that may wait. The range's copy keeps the file open, the reference keeps the bytes.
  void Execute() override { status_ = read_range(range_, offset_, data_, size_, &read_); }

  void OnOK() override {
    if (status_.ok()) {
      deferred_.Resolve(Napi::Number::New(Env(), static_cast<double>(read_)));
    } else {
      deferred_.Reject(ToError(Env(), status_).Value());
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
  const FileRange range_;
  const uint64_t offset_;
  uint8_t* const data_;
  const size_t size_;
  Napi::Reference<Napi::Uint8Array> into_;
  size_t read_ = 0;
  Status status_;
};

// readRange(range, offset, into): Promise<number>
Napi::Value ReadRange(const Napi::CallbackInfo& info) {
  const FileRange* range = RangeArgument(info, 0);
  if (!range) return Napi::Value();
  auto* task = new ReadTask(info.Env(), *range, Unsigned(info[1]), info[2].As<Napi::Uint8Array>());
  const Napi::Promise promise = task->promise();
  task->Queue();
  return promise;
}

// rangeOfFile(path, offset, length): FileRange, over any file. May wait on the disk.
Napi::Value RangeOfFile(const Napi::CallbackInfo& info) {
  FileRange range;
  const Status status = file_system().open(info[0].As<Napi::String>(), OpenMode::kRead, &range.file);
  if (!status.ok()) {
    ToError(info.Env(), status).ThrowAsJavaScriptException();
    return Napi::Value();
  }
  range.position = Unsigned(info[1]);
  range.length = Unsigned(info[2]);
  return FileRangeWrap::Create(info.Env(), std::move(range));
}

// rangeOfDescriptor(descriptor, offset, length): FileRange, over a duplicate of the descriptor.
Napi::Value RangeOfDescriptor(const Napi::CallbackInfo& info) {
  const int descriptor = info[0].As<Napi::Number>().Int32Value();
  FileRange range;
  const Status status = duplicate_file(descriptor, "descriptor " + std::to_string(descriptor), &range.file);
  if (!status.ok()) {
    ToError(info.Env(), status).ThrowAsJavaScriptException();
    return Napi::Value();
  }
  range.position = Unsigned(info[1]);
  range.length = Unsigned(info[2]);
  return FileRangeWrap::Create(info.Env(), std::move(range));
}

}  // namespace

void InitZerocopy(Napi::Env env, Napi::Object exports) {
  exports.Set("canSendFile", can_send_file());
  exports.Set("sendRange", Napi::Function::New<SendRange>(env, "sendRange"));
  exports.Set("sendBytes", Napi::Function::New<SendBytes>(env, "sendBytes"));
  exports.Set("residentBytes", Napi::Function::New<ResidentBytes>(env, "residentBytes"));
  exports.Set("readRangeCached", Napi::Function::New<ReadRangeCached>(env, "readRangeCached"));
  exports.Set("readRange", Napi::Function::New<ReadRange>(env, "readRange"));
  exports.Set("rangeOfDescriptor", Napi::Function::New<RangeOfDescriptor>(env, "rangeOfDescriptor"));
  exports.Set("rangeOfFile", Napi::Function::New<RangeOfFile>(env, "rangeOfFile"));
}

}  // namespace odradek
