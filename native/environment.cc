#include "environment.h"

namespace odradek {

void Environment::add(const std::shared_ptr<Log>& log) {
  if (logs.size() == logs.capacity()) {
    std::erase_if(logs, [](const std::weak_ptr<Log>& known) { return known.expired(); });
    logs.reserve(logs.size() * 2 + 16);
  }
  logs.push_back(log);
}

void Environment::stop() {
  completions->stop();
  for (const std::weak_ptr<Log>& known : logs) {
    if (const std::shared_ptr<Log> log = known.lock()) log->abandon();
  }
  logs.clear();
}

}  // namespace odradek
