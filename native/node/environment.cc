#include "environment.h"

namespace odradek {

namespace {

template <typename T>
void add_weakly(std::vector<std::weak_ptr<T>>& all, const std::shared_ptr<T>& one) {
  if (all.size() == all.capacity()) {
    std::erase_if(all, [](const std::weak_ptr<T>& known) { return known.expired(); });
    all.reserve(all.size() * 2 + 16);
  }
  all.push_back(one);
}

}  // namespace

void Environment::add(const std::shared_ptr<Log>& log) { add_weakly(logs, log); }
void Environment::add(const std::shared_ptr<Membership>& membership) { add_weakly(memberships, membership); }

void Environment::stop() {
  completions->stop();
  for (const std::weak_ptr<Log>& known : logs) {
    if (const std::shared_ptr<Log> log = known.lock()) log->abandon();
  }
  logs.clear();
  for (const std::weak_ptr<Membership>& known : memberships) {
    if (const std::shared_ptr<Membership> membership = known.lock()) membership->end();
  }
  memberships.clear();
}

}  // namespace odradek
