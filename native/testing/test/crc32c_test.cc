#include "crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace odradek {
namespace {

uint32_t of(const std::vector<uint8_t>& bytes) { return crc32c(bytes.data(), bytes.size()); }

class Crc32cTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { crc32c_force_table(GetParam()); }
  void TearDown() override { crc32c_force_table(false); }
};

// The examples of RFC 3720, B.4, and the check value of the catalogue of CRCs.
TEST_P(Crc32cTest, KnownValues) {
  std::vector<uint8_t> rising(32);
  for (size_t i = 0; i < rising.size(); i++) rising[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(of(std::vector<uint8_t>(32, 0)), 0x8a9136aau);
  EXPECT_EQ(of(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
  EXPECT_EQ(of(rising), 0x46dd794eu);
  EXPECT_EQ(of({'1', '2', '3', '4', '5', '6', '7', '8', '9'}), 0xe3069283u);
  EXPECT_EQ(of({}), 0u);
}

TEST_P(Crc32cTest, GoesOnFromACrc) {
  std::mt19937 random(1);
  std::vector<uint8_t> bytes(100'000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  const uint32_t whole = of(bytes);
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{7}, size_t{1000}, size_t{30'001}, bytes.size()}) {
    EXPECT_EQ(crc32c(bytes.data() + cut, bytes.size() - cut, crc32c(bytes.data(), cut)), whole) << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(Implementations, Crc32cTest, ::testing::Values(false, true),
                         [](const auto& info) { return std::string(info.param ? "Table" : "Hardware"); });

TEST(Crc32cImplementations, AgreeAtEveryLengthAndAlignment) {
  std::mt19937 random(2);
  std::vector<uint8_t> bytes(60'000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  std::vector<size_t> sizes;
  for (size_t size = 0; size < 1'600; size++) sizes.push_back(size);
  for (const size_t size : {24'575, 24'576, 24'577, 25'344, 49'152, 59'000}) sizes.push_back(size);
  for (const size_t size : sizes) {
    const uint8_t* const p = bytes.data() + size % 9;
    const uint32_t hardware = crc32c(p, size);
    crc32c_force_table(true);
    const uint32_t table = crc32c(p, size);
    crc32c_force_table(false);
    ASSERT_EQ(hardware, table) << size;
  }
}

}  // namespace
}  // namespace odradek
