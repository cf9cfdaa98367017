// Invariants that are checked in release builds too: a broken one ends the process before it can harm a log.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace odradek {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "odradek: check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace odradek

#define ODRADEK_CHECK(condition)                                            \
  (__builtin_expect(static_cast<bool>(condition), 1) ? static_cast<void>(0) \
                                                     : ::odradek::check_failed(#condition, __FILE__, __LINE__))
