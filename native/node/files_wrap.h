// The file layer for JavaScript: exports.files, with one function for each method of Files in lib/native/types.ts.
#pragma once

#include <napi.h>

namespace odradek {

void InitFiles(Napi::Env env, Napi::Object exports);

}  // namespace odradek
