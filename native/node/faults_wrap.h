// Tests only: exports.setFaults([{ operation, path, after, times, errno, delayMs }]) makes file calls fail, or
// slow; [] ends it.
#pragma once

#include <napi.h>

namespace odradek {

void InitFaults(Napi::Env env, Napi::Object exports);

}  // namespace odradek
