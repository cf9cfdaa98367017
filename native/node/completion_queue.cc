#include "completion_queue.h"

#include <algorithm>
#include <utility>

#include "file_lock_wrap.h"
#include "file_range_wrap.h"

namespace odradek {
namespace {

// Bytes up to this size are copied into memory of JavaScript's own, which is cheaper than to track foreign memory.
constexpr size_t kCopiedBytes = 16 * 1024;

// Empty where the environment is being stopped. The plain interface: the classes of node-addon-api end the process
// when they are given what could not be made.
Napi::Value to_value(napi_env env, Bytes&& bytes) {
  const size_t size = bytes.size;
  napi_value buffer = nullptr;
  if (size <= kCopiedBytes) {
    void* data = nullptr;
    if (napi_create_arraybuffer(env, size, &data, &buffer) != napi_ok) return {};
    std::copy_n(bytes.data.get(), size, static_cast<uint8_t*>(data));
  } else {
    const auto release = [](napi_env, void* data, void*) { std::free(data); };
    if (napi_create_external_arraybuffer(env, bytes.data.get(), size, release, nullptr, &buffer) != napi_ok) return {};
    bytes.data.release();
  }
  napi_value array = nullptr;
  if (napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array) != napi_ok) return {};
  return {env, array};
}

// Empty where the environment is being stopped.
Napi::Value payload_of(Napi::Env env, Completion& completion) {
  if (!completion.status.ok()) return Napi::String::New(env, completion.status.path());
  if (auto* range = std::get_if<FileRange>(&completion.payload)) return FileRangeWrap::Create(env, std::move(*range));
  if (auto* bytes = std::get_if<Bytes>(&completion.payload)) return to_value(env, std::move(*bytes));
  if (auto* file = std::get_if<std::shared_ptr<File>>(&completion.payload)) {
    return FileLockWrap::Create(env, std::move(*file));
  }
  return env.Undefined();
}

}  // namespace

void CompletionQueue::start(Napi::Function callback, Napi::Float64Array numbers) {
  callback_ = Napi::Persistent(callback);
  numbers_ = Napi::Reference<Napi::Float64Array>::New(numbers, 1);
  buffer_ = numbers.Data();
  capacity_ = numbers.ElementLength() / kStride;
  Napi::Env env = callback.Env();
  napi_threadsafe_function wake = nullptr;
  napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "odradek"), 0, 1, nullptr, nullptr,
                                  this, &CompletionQueue::on_wake, &wake);
  napi_unref_threadsafe_function(env, wake);
  std::lock_guard lock(mutex_);
  wake_ = wake;
}

void CompletionQueue::begin() {
  if (outstanding_++ == 0) napi_ref_threadsafe_function(callback_.Env(), wake_);
}

std::shared_ptr<void> CompletionQueue::borrow() {
  {
    std::lock_guard lock(mutex_);
    borrowers_++;
  }
  return std::shared_ptr<void>(nullptr, [queue = shared_from_this()](void*) {
    std::lock_guard lock(queue->mutex_);
    if (--queue->borrowers_ == 0) queue->returned_.notify_all();
  });
}

void CompletionQueue::stop() {
  std::vector<Completion> dropped;
  {
    std::unique_lock lock(mutex_);
    wake_ = nullptr;
    dropped.swap(queue_);
    returned_.wait(lock, [this] { return borrowers_ == 0; });
  }
  callback_.Reset();
  numbers_.Reset();
}

void CompletionQueue::post(std::vector<Completion>&& completions) {
  std::lock_guard lock(mutex_);
  if (!wake_) return;
  if (queue_.empty()) {
    queue_ = std::move(completions);
  } else {
    std::move(completions.begin(), completions.end(), std::back_inserter(queue_));
  }
  if (std::exchange(woken_, true)) return;
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void CompletionQueue::on_wake(napi_env env, napi_value, void* context, void*) {
  if (env) static_cast<CompletionQueue*>(context)->drain(Napi::Env(env));
}

void CompletionQueue::drain(Napi::Env env) {
  std::vector<Completion> taken;
  {
    std::lock_guard lock(mutex_);
    woken_ = false;
    if (!wake_) return;
    taken.swap(queue_);
  }
  for (size_t i = 0; i < taken.size(); i += capacity_) {
    Napi::HandleScope scope(env);
    deliver(env, taken.data() + i, std::min(capacity_, taken.size() - i));
  }
}

void CompletionQueue::deliver(Napi::Env env, Completion* completions, size_t count) {
  napi_value payloads = env.Undefined();
  bool any_payload = false;
  size_t operations = 0;
  size_t told = 0;
  for (size_t i = 0; i < count; i++) {
    Completion& completion = completions[i];
    if (completion.kind == CompletionKind::kOver) {
      operations++;
      continue;
    }
    double* out = buffer_ + told++ * kStride;
    out[0] = static_cast<double>(completion.kind);
    out[1] = completion.id;
    out[2] = static_cast<double>(completion.status.code());
    out[3] = completion.status.error();
    std::copy_n(completion.values, std::size(completion.values), out + 4);
    if (completion.kind == CompletionKind::kOperation && completion.last) operations++;
    if (completion.status.ok() && std::holds_alternative<std::monostate>(completion.payload)) continue;
    const Napi::Value payload = payload_of(env, completion);
    if (payload.IsEmpty()) return;
    if (!any_payload && napi_create_array_with_length(env, count, &payloads) != napi_ok) return;
    any_payload = true;
    if (napi_set_element(env, payloads, static_cast<uint32_t>(told - 1), payload) != napi_ok) return;
  }
  outstanding_ -= operations;
  if (outstanding_ == 0 && operations > 0) napi_unref_threadsafe_function(env, wake_);
  if (told == 0) return;
  const napi_value arguments[] = {Napi::Number::New(env, static_cast<double>(told)), payloads};
  if (napi_call_function(env, env.Undefined(), callback_.Value(), std::size(arguments), arguments, nullptr) ==
      napi_ok) {
    return;
  }
  // The callback threw: as from any other, that is an uncaught exception. In an environment that is being stopped
  // nothing can be called or thrown any more, and nobody waits for an answer.
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

}  // namespace odradek
