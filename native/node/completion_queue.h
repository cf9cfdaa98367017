// Completions on their way from engine threads to one JavaScript environment: one wake-up and one call for many.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "completion.h"

namespace odradek {

class CompletionQueue : public CompletionSink, public std::enable_shared_from_this<CompletionQueue> {
 public:
  using CompletionSink::post;

  // JavaScript thread. `callback(count, payloads)` finds the completions in `numbers`, kStride each:
  // kind, id, code, errno, four values. `payloads` is undefined, or has a file range, bytes, a lock or the path of
  // an error at the index of its completion.
  void start(Napi::Function callback, Napi::Float64Array numbers);
  // JavaScript thread: an operation was handed to the engine, which keeps the event loop alive until it is done.
  void begin();
  // JavaScript thread. A task that works on JavaScript's memory holds this until it is done with it.
  std::shared_ptr<void> borrow();
  // JavaScript thread, from the environment's cleanup: nothing is delivered from now on. Waits for borrowers.
  void stop();

  // Any thread.
  void post(std::vector<Completion>&& completions) override;

 private:
  static constexpr size_t kStride = 8;

  static void on_wake(napi_env env, napi_value callback, void* context, void* data);
  void drain(Napi::Env env);
  void deliver(Napi::Env env, Completion* completions, size_t count);

  Napi::FunctionReference callback_;
  Napi::Reference<Napi::Float64Array> numbers_;
  double* buffer_ = nullptr;
  size_t capacity_ = 0;
  size_t outstanding_ = 0;

  std::mutex mutex_;
  std::vector<Completion> queue_;
  // Guarded by mutex_, so that no thread uses it after stop().
  napi_threadsafe_function wake_ = nullptr;
  bool woken_ = false;
  size_t borrowers_ = 0;
  std::condition_variable returned_;
};

}  // namespace odradek
