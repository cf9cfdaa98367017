#include "file_lock_wrap.h"

#include <utility>

#include "environment.h"

namespace odradek {

void FileLockWrap::Init(Napi::Env env) {
  Napi::Function constructor = DefineClass(env, "FileLock", {InstanceMethod<&FileLockWrap::Release>("release")});
  Environment::of(env).file_lock_constructor = Napi::Persistent(constructor);
}

Napi::Object FileLockWrap::Create(Napi::Env env, std::shared_ptr<File> file) {
  napi_value instance = nullptr;
  if (napi_new_instance(env, Environment::of(env).file_lock_constructor.Value(), 0, nullptr, &instance) != napi_ok)
    return {};
  void* wrap = nullptr;
  if (napi_unwrap(env, instance, &wrap) != napi_ok) return {};
  static_cast<FileLockWrap*>(wrap)->file_ = std::move(file);
  return {env, instance};
}

FileLockWrap::FileLockWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FileLockWrap>(info) {}

void FileLockWrap::Release(const Napi::CallbackInfo&) { file_.reset(); }

}  // namespace odradek
