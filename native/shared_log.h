// The one engine log of a process for a folder that several handles have open, in one thread or in many: the log, the
// folder's lock, and whose turn it is to open, change or close it. Thread-safe.
//
// INVARIANT: `log`, `note` and the count of those who joined change only by whoever has the turn, or when a member
// ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "completion.h"
#include "file.h"
#include "log.h"

namespace odradek {

class SharedLog : public CompletionSink, public std::enable_shared_from_this<SharedLog> {
 public:
  using CompletionSink::post;

  // That of the folder with this real path; made if nobody has it.
  static std::shared_ptr<SharedLog> of(const std::string& path);

  explicit SharedLog(std::string path) : path_(std::move(path)) {}
  ~SharedLog() override;

  const std::string& path() const { return path_; }

  // A handle: its completions go to `sink`, with the id less `id_base(member)`; events carry `listener`.
  uint32_t add(std::shared_ptr<CompletionSink> sink, double listener);
  static double id_base(uint32_t member);
  // The handle is gone, with or without having left: what it has queued is dropped, its bytes are not used afterwards.
  // Where it was the last that had joined, the log is let go as after a crash.
  void end(uint32_t member);

  // The completion of `id` says that it is the member's turn; first come, first served.
  void acquire(uint32_t member, double id);
  void release(uint32_t member);

  // REQUIRES of all that follow: the member's turn.
  void hold(std::shared_ptr<File> lock);
  // From now on others may join. `note` is theirs to read.
  void share(uint32_t member, std::shared_ptr<Log> log, std::string note, bool tell_of_appends);
  // Null where nobody shares one.
  std::shared_ptr<Log> join(uint32_t member);
  // How many have still joined.
  size_t leave(uint32_t member);
  // The log was closed: lets go of it and of the folder's lock.
  void clear();

  bool is_shared();
  std::string note();
  // The oldest of those who joined: one is enough for what the log needs now and then.
  bool is_first(uint32_t member);
  std::atomic<int64_t> start_offset{0};

  void post(std::vector<Completion>&& completions) override;

 private:
  struct Member {
    std::shared_ptr<CompletionSink> sink;
    double listener = 0;
    bool joined = false;
  };
  struct Waiter {
    uint32_t member;
    double id;
  };

  size_t joined() const;
  void pass_on();

  const std::string path_;
  std::mutex mutex_;
  std::map<uint32_t, Member> members_;
  uint32_t last_member_ = 0;
  uint32_t turn_ = 0;  // 0: nobody's
  std::deque<Waiter> waiters_;
  std::shared_ptr<Log> log_;
  std::shared_ptr<File> lock_;
  std::string note_;
  bool tell_of_appends_ = false;
  int64_t told_end_ = 0;
};

}  // namespace odradek
