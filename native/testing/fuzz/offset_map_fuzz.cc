// The map of keys to offsets beside a plain one.
#include <map>
#include <string>

#include "fuzz.h"
#include "offset_map.h"

namespace odradek::fuzz {

int fuzz_one(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint64_t memory = input.number(1) * OffsetMap::kEntrySize;
  OffsetMap map(memory, 0.1 + static_cast<double>(input.byte() % 10) / 10);
  std::map<std::vector<uint8_t>, int64_t> model;
  int64_t offset = 0;
  while (input.left() > 0) {
    const uint8_t step = input.byte();
    const std::vector<uint8_t> key = input.take(step % 5);
    const auto found = model.find(key);
    ODRADEK_FUZZ_REQUIRE(map.get(key.data(), key.size()) == (found == model.end() ? -1 : found->second));
    if (step >= 0x80) continue;
    const bool taken = map.put(key.data(), key.size(), ++offset);
    ODRADEK_FUZZ_REQUIRE(taken == (found != model.end() || model.size() < map.capacity()));
    if (taken) model[key] = offset;
    ODRADEK_FUZZ_REQUIRE(map.size() == model.size() && map.size() <= map.capacity());
  }
  return 0;
}

}  // namespace odradek::fuzz
