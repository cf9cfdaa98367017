#include "file_range_wrap.h"

#include <utility>

#include "environment.h"

namespace odradek {
namespace {

// Says that an object wraps a FileRange, whoever hands it in.
constexpr napi_type_tag kFileRangeTag = {0x8f6a1d2c4b3e4790ULL, 0xa51c7be20d9f4683ULL};

}  // namespace

void FileRangeWrap::Init(Napi::Env env, Napi::Object) {
  Napi::Function constructor = DefineClass(env, "FileRange",
                                           {
                                               InstanceAccessor<&FileRangeWrap::ByteLength>("byteLength"),
                                               InstanceMethod<&FileRangeWrap::Release>("release"),
                                           });
  Environment::of(env).file_range_constructor = Napi::Persistent(constructor);
}

// Empty where the environment is being stopped: no step may be taken for granted.
Napi::Object FileRangeWrap::Create(Napi::Env env, FileRange range) {
  napi_value instance = nullptr;
  if (napi_new_instance(env, Environment::of(env).file_range_constructor.Value(), 0, nullptr, &instance) != napi_ok)
    return {};
  void* wrap = nullptr;
  if (napi_type_tag_object(env, instance, &kFileRangeTag) != napi_ok || napi_unwrap(env, instance, &wrap) != napi_ok)
    return {};
  static_cast<FileRangeWrap*>(wrap)->range_ = std::move(range);
  return {env, instance};
}

const FileRange* FileRangeWrap::From(Napi::Value value) {
  if (!value.IsObject()) return nullptr;
  bool tagged = false;
  if (napi_check_object_type_tag(value.Env(), value, &kFileRangeTag, &tagged) != napi_ok || !tagged) return nullptr;
  void* wrap = nullptr;
  if (napi_unwrap(value.Env(), value, &wrap) != napi_ok) return nullptr;
  const FileRange& range = static_cast<FileRangeWrap*>(wrap)->range_;
  return range.file ? &range : nullptr;
}

FileRangeWrap::FileRangeWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FileRangeWrap>(info) {}

Napi::Value FileRangeWrap::ByteLength(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(range_.length));
}

// The length stays, so that what was built with it still adds up.
void FileRangeWrap::Release(const Napi::CallbackInfo&) { range_.file.reset(); }

}  // namespace odradek
