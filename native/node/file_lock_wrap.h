// A locked file as a JavaScript object: { release() }. The lock lasts until then, or until it is collected.
#pragma once

#include <napi.h>

#include <memory>

#include "file.h"

namespace odradek {

class FileLockWrap : public Napi::ObjectWrap<FileLockWrap> {
 public:
  static void Init(Napi::Env env);
  // Empty where the environment is being stopped and makes no objects any more.
  static Napi::Object Create(Napi::Env env, std::shared_ptr<File> file);

  explicit FileLockWrap(const Napi::CallbackInfo& info);

 private:
  void Release(const Napi::CallbackInfo& info);

  std::shared_ptr<File> file_;
};

}  // namespace odradek
