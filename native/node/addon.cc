// Registers what JavaScript sees of the engine.
#include <napi.h>

#include "crc32c.h"
#include "environment.h"
#include "faults_wrap.h"
#include "file.h"
#include "file_lock_wrap.h"
#include "file_range_wrap.h"
#include "file_recording_wrap.h"
#include "files_wrap.h"
#include "log_wrap.h"
#include "status.h"

namespace odradek {

void InitCleaner(Napi::Env env, Napi::Object exports);
void InitRawDisk(Napi::Env env, Napi::Object exports);
void InitZerocopy(Napi::Env env, Napi::Object exports);

namespace {

// start(callback, numbers, scratch): where completions and numbers of answers go.
void Start(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::of(info.Env());
  environment.completions->start(info[0].As<Napi::Function>(), info[1].As<Napi::Float64Array>());
  auto scratch = info[2].As<Napi::Float64Array>();
  environment.scratch = scratch.Data();
  environment.scratch_reference = Napi::Reference<Napi::Float64Array>::New(scratch, 1);
  // After the queue's own hook, which frees its wake-up: hooks run in the opposite order.
  napi_add_env_cleanup_hook(
      info.Env(), [](void* data) { static_cast<Environment*>(data)->stop(); }, &environment);
}

// Tests only: do as on a CPU and a kernel that have none of what the engine would like to use.
void ForcePortable(const Napi::CallbackInfo& info) {
  const bool force = info[0].ToBoolean().Value();
  force_portable_files(force);
  crc32c_force_table(force);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment());

  Napi::Array codes = Napi::Array::New(env);
  for (uint32_t i = 0; i < std::size(kCodeNames); i++) codes.Set(i, kCodeNames[i]);
  exports.Set("errorCodes", codes);
  exports.Set("start", Napi::Function::New<Start>(env));
  exports.Set("forcePortable", Napi::Function::New<ForcePortable>(env));

  FileRangeWrap::Init(env, exports);
  FileLockWrap::Init(env);
  LogWrap::Init(env, exports);
  InitFiles(env, exports);
  InitFaults(env, exports);
  InitFileRecording(env, exports);
  InitCleaner(env, exports);
  InitRawDisk(env, exports);
  InitZerocopy(env, exports);
  return exports;
}

}  // namespace
}  // namespace odradek

namespace {
Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return odradek::Init(env, exports); }
}  // namespace

NODE_API_MODULE(odradek, InitAddon)
