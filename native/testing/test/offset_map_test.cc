#include "offset_map.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_map>

namespace odradek {
namespace {

const uint8_t* bytes_of(const std::string& text) { return reinterpret_cast<const uint8_t*>(text.data()); }

bool put(OffsetMap& map, const std::string& key, int64_t offset) { return map.put(bytes_of(key), key.size(), offset); }
int64_t get(const OffsetMap& map, const std::string& key) { return map.get(bytes_of(key), key.size()); }

// The reference implementation's vectors: key 00..0f, input 00, 01, ...
TEST(KeyHash, MatchesTheReference) {
  const HashKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  const uint8_t input[15] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
  EXPECT_EQ(siphash128(key, input, 0), (Hash128{0xe6a825ba047f81a3, 0x930255c71472f66d}));
  EXPECT_EQ(siphash128(key, input, 1), (Hash128{0x44af996bd8c187da, 0x45fc229b11597634}));
  EXPECT_EQ(siphash128(key, input, 15), (Hash128{0x11a8b03399e99354, 0xd9c3cf970fec087e}));
}

TEST(OffsetMap, KeepsTheLatestOffset) {
  OffsetMap map(1000, 0.9);
  EXPECT_EQ(get(map, "ann"), -1);
  EXPECT_EQ(map.latest_offset(), -1);
  EXPECT_TRUE(put(map, "ann", 3));
  EXPECT_TRUE(put(map, "", 4));
  EXPECT_TRUE(put(map, "ann", 9));
  EXPECT_EQ(get(map, "ann"), 9);
  EXPECT_EQ(get(map, ""), 4);
  EXPECT_EQ(map.size(), 2u);
  EXPECT_EQ(map.latest_offset(), 9);
}

TEST(OffsetMap, IsFullAtItsLoadFactor) {
  OffsetMap map(10 * OffsetMap::kEntrySize, 0.5);
  EXPECT_EQ(map.capacity(), 5u);
  for (int i = 0; i < 5; i++) EXPECT_TRUE(put(map, std::to_string(i), i));
  EXPECT_FALSE(put(map, "another", 5));
  EXPECT_EQ(map.latest_offset(), 4) << "what had no room was not read";
  EXPECT_TRUE(put(map, "2", 6)) << "a key that it has";
  EXPECT_EQ(get(map, "another"), -1);
}

TEST(OffsetMap, HasRoomForOneKeyAtLeast) {
  OffsetMap map(0, 0.9);
  EXPECT_TRUE(put(map, "ann", 1));
  EXPECT_FALSE(put(map, "bob", 2));
  EXPECT_EQ(get(map, "bob"), -1);
}

TEST(OffsetMap, AgreesWithAModel) {
  std::mt19937 random(3);
  OffsetMap map(20'000 * OffsetMap::kEntrySize, 0.9);
  std::unordered_map<std::string, int64_t> model;
  for (int64_t offset = 0; offset < 100'000; offset++) {
    const std::string key = "key-" + std::to_string(random() % 15'000);
    ASSERT_TRUE(put(map, key, offset));
    model[key] = offset;
  }
  EXPECT_EQ(map.size(), model.size());
  for (const auto& [key, offset] : model) ASSERT_EQ(get(map, key), offset);
}

}  // namespace
}  // namespace odradek
