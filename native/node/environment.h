// What one JavaScript environment (the main thread or a worker) holds of the engine. JavaScript thread only.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "completion_queue.h"
#include "log.h"
#include "shared_log.h"

namespace odradek {

// A handle's part in a shared log, until it ends or is collected.
struct Membership {
  Membership(std::shared_ptr<SharedLog> shared, std::shared_ptr<CompletionSink> sink, double listener)
      : log(std::move(shared)), member(log->add(std::move(sink), listener)) {}
  ~Membership() { end(); }
  void end() { log->end(member); }

  const std::shared_ptr<SharedLog> log;
  const uint32_t member;
};

struct Environment {
  Napi::FunctionReference file_range_constructor;
  Napi::FunctionReference file_lock_constructor;
  std::shared_ptr<CompletionQueue> completions = std::make_shared<CompletionQueue>();
  // Logs opened here; those that are gone are dropped as others come.
  std::vector<std::weak_ptr<Log>> logs;
  std::vector<std::weak_ptr<Membership>> memberships;
  // Where a call leaves numbers that belong to its answer.
  Napi::Reference<Napi::Float64Array> scratch_reference;
  double* scratch = nullptr;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  void add(const std::shared_ptr<Log>& log);
  void add(const std::shared_ptr<Membership>& membership);
  // Before the environment's memory goes: no engine thread may use it afterwards.
  void stop();
};

}  // namespace odradek
