// A target as libFuzzer wants it (Clang, -DLIBFUZZER=ON).
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return odradek::fuzz::fuzz_one(data, size); }
