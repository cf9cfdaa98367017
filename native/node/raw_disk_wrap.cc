// The raw system calls of the disk benchmark as JavaScript sees them: each takes its numbers by position and answers by
// a promise with numbers; Execute runs on a thread of Node's pool.
#include <napi.h>

#include <functional>
#include <utility>

#include "raw_disk.h"

namespace odradek {
namespace {

class RawTask : public Napi::AsyncWorker {
 public:
  using Numbers = std::vector<double>;

  RawTask(Napi::Env env, std::function<Status(Numbers*)> work)
      : Napi::AsyncWorker(env), deferred_(env), work_(std::move(work)) {}

  static Napi::Value start(Napi::Env env, std::function<Status(Numbers*)> work) {
    auto* task = new RawTask(env, std::move(work));
    const Napi::Promise promise = task->deferred_.Promise();
    task->Queue();
    return promise;
  }

  void Execute() override { status_ = work_(&numbers_); }

  void OnOK() override {
    if (!status_.ok()) {
      Napi::Error error = Napi::Error::New(Env(), std::string(status_.name()) + ": " + status_.path());
      error.Set("code", status_.name());
      error.Set("errno", static_cast<double>(status_.error()));
      error.Set("path", status_.path());
      deferred_.Reject(error.Value());
      return;
    }
    auto array = Napi::Float64Array::New(Env(), numbers_.size());
    // The environment is being stopped.
    if (array.IsEmpty()) return;
    std::copy(numbers_.begin(), numbers_.end(), array.Data());
    deferred_.Resolve(array);
  }

 private:
  Napi::Promise::Deferred deferred_;
  const std::function<Status(Numbers*)> work_;
  Numbers numbers_;
  Status status_;
};

// REQUIRES: lib/native/raw-disk.ts has checked the types.
std::string text(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }
uint64_t number(const Napi::Value& value) { return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value()); }
double seconds(const Napi::Value& ms) { return ms.As<Napi::Number>().DoubleValue() / 1e3; }

void add_run(RawRun&& run, RawTask::Numbers* numbers) {
  *numbers = std::move(run.latencies);
  numbers->push_back(run.seconds);
  numbers->push_back(static_cast<double>(run.bytes));
}

// rawWrite(path, blockBytes, totalBytes, threads): [writtenSeconds, flushedSeconds]
Napi::Value Write(const Napi::CallbackInfo& info) {
  return RawTask::start(info.Env(), [path = text(info[0]), block = number(info[1]), bytes = number(info[2]),
                                     threads = number(info[3])](RawTask::Numbers* numbers) {
    RawWriteResult result;
    ODRADEK_RETURN_IF_ERROR(raw_write(path, block, bytes, static_cast<int>(threads), &result));
    *numbers = {result.written_seconds, result.flushed_seconds};
    return Status();
  });
}

// rawDurable(path, blockBytes, maxMs, maxBytes): [latency ms..., seconds, bytes]
Napi::Value Durable(const Napi::CallbackInfo& info) {
  return RawTask::start(info.Env(), [path = text(info[0]), block = number(info[1]),
                                     limits = RawLimits{seconds(info[2]), number(info[3])}](RawTask::Numbers* numbers) {
    RawRun run;
    ODRADEK_RETURN_IF_ERROR(raw_durable(path, block, limits, &run));
    add_run(std::move(run), numbers);
    return Status();
  });
}

// rawRead(path, size, blockBytes, threads, random, seed, maxMs, maxBytes): [seconds, bytes]
Napi::Value Read(const Napi::CallbackInfo& info) {
  RawRead read{text(info[0]),       number(info[1]), number(info[2]), static_cast<int>(number(info[3])),
               info[4].ToBoolean(), number(info[5])};
  return RawTask::start(info.Env(), [read = std::move(read),
                                     limits = RawLimits{seconds(info[6]), number(info[7])}](RawTask::Numbers* numbers) {
    RawRun run;
    ODRADEK_RETURN_IF_ERROR(raw_read(read, limits, &run));
    add_run(std::move(run), numbers);
    return Status();
  });
}

// rawEvict(path): [residentBytes]
Napi::Value Evict(const Napi::CallbackInfo& info) {
  return RawTask::start(info.Env(), [path = text(info[0])](RawTask::Numbers* numbers) {
    uint64_t resident = 0;
    ODRADEK_RETURN_IF_ERROR(raw_evict(path, &resident));
    *numbers = {static_cast<double>(resident)};
    return Status();
  });
}

// rawWarm(path, bytes): []
Napi::Value Warm(const Napi::CallbackInfo& info) {
  return RawTask::start(
      info.Env(), [path = text(info[0]), bytes = number(info[1])](RawTask::Numbers*) { return raw_warm(path, bytes); });
}

// rawSinkOpen(): [descriptor, port]
Napi::Value SinkOpen(const Napi::CallbackInfo& info) {
  return RawTask::start(info.Env(), [](RawTask::Numbers* numbers) {
    int descriptor = -1;
    uint16_t port = 0;
    ODRADEK_RETURN_IF_ERROR(raw_sink_open(&descriptor, &port));
    *numbers = {static_cast<double>(descriptor), static_cast<double>(port)};
    return Status();
  });
}

// rawSinkClose(descriptor)
void SinkClose(const Napi::CallbackInfo& info) { raw_sink_close(static_cast<int>(number(info[0]))); }

// rawSend(port, from, path, size, blockBytes, totalBytes): [seconds]; from is 0 memory, 1 sendfile, 2 copy
Napi::Value Send(const Napi::CallbackInfo& info) {
  return RawTask::start(info.Env(),
                        [port = static_cast<uint16_t>(number(info[0])), from = static_cast<RawSend>(number(info[1])),
                         path = text(info[2]), size = number(info[3]), block = number(info[4]),
                         bytes = number(info[5])](RawTask::Numbers* numbers) {
                          double taken = 0;
                          ODRADEK_RETURN_IF_ERROR(raw_send(port, from, path, size, block, bytes, &taken));
                          *numbers = {taken};
                          return Status();
                        });
}

}  // namespace

void InitRawDisk(Napi::Env env, Napi::Object exports) {
  exports.Set("rawWrite", Napi::Function::New<Write>(env));
  exports.Set("rawDurable", Napi::Function::New<Durable>(env));
  exports.Set("rawRead", Napi::Function::New<Read>(env));
  exports.Set("rawEvict", Napi::Function::New<Evict>(env));
  exports.Set("rawWarm", Napi::Function::New<Warm>(env));
  exports.Set("rawSinkOpen", Napi::Function::New<SinkOpen>(env));
  exports.Set("rawSinkClose", Napi::Function::New<SinkClose>(env));
  exports.Set("rawSend", Napi::Function::New<Send>(env));
}

}  // namespace odradek
