// FileRange as a JavaScript object: { byteLength, release() }.
#pragma once

#include <napi.h>

#include "file_range.h"

namespace odradek {

class FileRangeWrap : public Napi::ObjectWrap<FileRangeWrap> {
 public:
  static void Init(Napi::Env env, Napi::Object exports);
  // Empty where the environment is being stopped and makes no objects any more.
  static Napi::Object Create(Napi::Env env, FileRange range);
  // The range behind `value`, nullptr when it is something else or was released. Valid while `value` is alive and
  // unreleased: copy the FileRange to keep the file open across calls.
  static const FileRange* From(Napi::Value value);

  explicit FileRangeWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value ByteLength(const Napi::CallbackInfo& info);
  void Release(const Napi::CallbackInfo& info);

  FileRange range_;
};

}  // namespace odradek
