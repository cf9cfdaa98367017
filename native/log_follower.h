// Follows a log that another process writes, without its lock: looks up what its folder holds, and shows that to the
// readers of a Log. Changes nothing on disk.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "log.h"
#include "log_progress.h"
#include "mutex.h"

namespace odradek {

// Any thread; refreshes take turns.
class LogFollower {
 public:
  // `log` was not opened and takes no changes.
  explicit LogFollower(std::shared_ptr<Log> log) : log_(std::move(log)) {}

  // May wait. New segments, and those that are gone, are noticed only with `segments_too`. `published` is false where
  // the writer does not say how far the log may be read: then it may be as far as its batches are whole.
  Status refresh(bool segments_too, LogProgress* progress, bool* published) EXCLUDES(mutex_);

 private:
  struct Followed {
    std::shared_ptr<Segment> segment;
    // Tells a file from another one of the same name.
    uint64_t file_id = 0;
    // All of a sealed segment's batches were seen.
    bool is_walked = false;
    // Behind the last batch that was seen.
    int64_t next_offset = 0;
  };

  Status refresh_once(bool segments_too, const LogProgress& progress, bool published) REQUIRES(mutex_);
  Status look_up_segments() REQUIRES(mutex_);
  static Status take_up(Segment& segment, const FileInfo& info);
  Status walk_on(Followed& followed, int64_t limit, bool check) REQUIRES(mutex_);

  const std::shared_ptr<Log> log_;
  Mutex mutex_;
  int64_t cuts_seen_ GUARDED_BY(mutex_) = 0;
  std::map<int64_t, Followed> segments_ GUARDED_BY(mutex_);
};

}  // namespace odradek
