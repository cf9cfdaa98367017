// How far readers in other processes may read a log: a small file beside its segments, written over in place by whoever
// writes the log, read by those who follow it. In the page cache only: it means something as long as the system that
// wrote it has not been started anew, and says by a boot id which that was.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "file.h"

namespace odradek {

struct LogProgress {
  int64_t start_offset = 0;
  // Behind the last record that may be read.
  int64_t end_offset = 0;
  // Raised by each cut of the log's end: what was read before is to be looked up anew.
  int64_t cuts = 0;
};

class LogProgressFile {
 public:
  // Created if absent; goes on with the cuts that it counted.
  Status open(const std::string& folder);
  Status write(const LogProgress& progress);
  int64_t cuts() const { return cuts_; }

 private:
  std::shared_ptr<File> file_;
  int64_t cuts_ = 0;
};

// False where there is none, or none that this start of the system has written. May wait.
bool read_log_progress(const std::string& folder, LogProgress* progress);

}  // namespace odradek
