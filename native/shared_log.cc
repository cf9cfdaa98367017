#include "shared_log.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

namespace odradek {
namespace {

// Operations of one thread are counted up; nobody gets so far. A double holds 8,191 times as many exactly.
constexpr double kIdsPerMember = 1099511627776.0;

struct Registry {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<SharedLog>> logs;
};

Registry& registry() {
  static Registry* const instance = new Registry();
  return *instance;
}

Completion event_for(const Completion& event, double listener) {
  Completion copy;
  copy.kind = event.kind;
  copy.id = listener;
  copy.status = event.status;
  std::copy(std::begin(event.values), std::end(event.values), copy.values);
  return copy;
}

}  // namespace

std::shared_ptr<SharedLog> SharedLog::of(const std::string& path) {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  std::weak_ptr<SharedLog>& known = all.logs[path];
  std::shared_ptr<SharedLog> log = known.lock();
  if (!log) known = log = std::make_shared<SharedLog>(path);
  return log;
}

SharedLog::~SharedLog() {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  const auto known = all.logs.find(path_);
  if (known != all.logs.end() && known->second.expired()) all.logs.erase(known);
}

double SharedLog::id_base(uint32_t member) { return kIdsPerMember * member; }

uint32_t SharedLog::add(std::shared_ptr<CompletionSink> sink, double listener) {
  std::lock_guard lock(mutex_);
  // The numbers of those who are gone are given out again, since there are not many.
  do {
    last_member_ = last_member_ % 8000 + 1;
  } while (members_.count(last_member_));
  members_[last_member_] = {std::move(sink), listener, false};
  return last_member_;
}

void SharedLog::end(uint32_t member) {
  std::shared_ptr<Log> log;
  std::shared_ptr<File> held;
  bool last = false;
  {
    std::lock_guard lock(mutex_);
    const auto found = members_.find(member);
    if (found == members_.end()) return;
    log = log_;
    last = found->second.joined && joined() == 1;
    members_.erase(found);
    std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.member == member; });
    if (last || (turn_ == member && !log_)) {
      log_ = nullptr;
      held = std::move(lock_);
    }
  }
  if (log && last) {
    log->abandon();
  } else if (log) {
    log->abandon_appends(id_base(member), id_base(member + 1));
  }
  held.reset();
  std::lock_guard lock(mutex_);
  if (turn_ == member) pass_on();
}

void SharedLog::acquire(uint32_t member, double id) {
  std::lock_guard lock(mutex_);
  waiters_.push_back({member, id});
  if (turn_ == 0) pass_on();
}

void SharedLog::release(uint32_t member) {
  std::lock_guard lock(mutex_);
  if (turn_ == member) pass_on();
}

// REQUIRES: mutex_.
void SharedLog::pass_on() {
  turn_ = 0;
  if (waiters_.empty()) return;
  const Waiter next = waiters_.front();
  waiters_.pop_front();
  turn_ = next.member;
  members_[next.member].sink->post(Completion::operation(next.id, Status()));
}

void SharedLog::hold(std::shared_ptr<File> file) {
  std::lock_guard lock(mutex_);
  lock_ = std::move(file);
}

void SharedLog::share(uint32_t member, std::shared_ptr<Log> log, std::string note, bool tell_of_appends) {
  std::lock_guard lock(mutex_);
  log_ = std::move(log);
  note_ = std::move(note);
  tell_of_appends_ = tell_of_appends;
  members_[member].joined = true;
}

std::shared_ptr<Log> SharedLog::join(uint32_t member) {
  std::lock_guard lock(mutex_);
  if (log_) members_[member].joined = true;
  return log_;
}

size_t SharedLog::leave(uint32_t member) {
  std::lock_guard lock(mutex_);
  members_[member].joined = false;
  return joined();
}

void SharedLog::clear() {
  std::shared_ptr<Log> log;
  std::shared_ptr<File> file;
  std::lock_guard lock(mutex_);
  log.swap(log_);
  file.swap(lock_);
  note_.clear();
}

// REQUIRES: mutex_.
size_t SharedLog::joined() const {
  size_t count = 0;
  for (const auto& [number, member] : members_) count += member.joined ? 1 : 0;
  return count;
}

bool SharedLog::is_shared() {
  std::lock_guard lock(mutex_);
  return log_ != nullptr;
}

std::string SharedLog::note() {
  std::lock_guard lock(mutex_);
  return note_;
}

bool SharedLog::is_first(uint32_t member) {
  std::lock_guard lock(mutex_);
  for (const auto& [number, other] : members_) {
    if (other.joined) return number == member;
  }
  return false;
}

// Each member's completions stay in their order. A member that is gone hears nothing.
void SharedLog::post(std::vector<Completion>&& completions) {
  std::lock_guard lock(mutex_);
  std::map<uint32_t, std::vector<Completion>> by_member;
  for (Completion& completion : completions) {
    if (completion.kind == CompletionKind::kOperation || completion.kind == CompletionKind::kOver) {
      const auto member = static_cast<uint32_t>(std::floor(completion.id / kIdsPerMember));
      completion.id -= id_base(member);
      by_member[member].push_back(std::move(completion));
      continue;
    }
    for (const auto& [number, member] : members_) {
      by_member[number].push_back(event_for(completion, member.listener));
    }
  }
  if (tell_of_appends_ && log_ && members_.size() > 1) {
    const int64_t end = log_->log_end_offset();
    if (end > std::exchange(told_end_, end)) {
      for (const auto& [number, member] : members_) {
        Completion appended;
        appended.kind = CompletionKind::kAppended;
        appended.id = member.listener;
        appended.values[0] = static_cast<double>(end);
        by_member[number].push_back(std::move(appended));
      }
    }
  }
  for (auto& [number, own] : by_member) {
    const auto member = members_.find(number);
    if (member != members_.end()) member->second.sink->post(std::move(own));
  }
}

}  // namespace odradek
