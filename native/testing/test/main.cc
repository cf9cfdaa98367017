// The main of all engine tests. ODRADEK_PORTABLE=1 runs them as on a CPU and a kernel that have none of what the
// engine would like to use.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "crc32c.h"
#include "file.h"

int main(int argc, char** argv) {
  const char* portable = std::getenv("ODRADEK_PORTABLE");
  if (portable != nullptr && std::string_view(portable) == "1") {
    odradek::force_portable_files(true);
    odradek::crc32c_force_table(true);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
