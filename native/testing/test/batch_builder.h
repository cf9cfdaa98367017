// Record batches for tests, written out field by field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "record_batch.h"

namespace odradek::test {

struct TestRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  int64_t timestamp = 1000;
  // The record's place in the batch where missing.
  std::optional<int32_t> offset_delta = std::nullopt;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
};

inline void put_varint(std::vector<uint8_t>& out, int64_t value) {
  uint64_t raw = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; raw >= 0x80; raw >>= 7) out.push_back(static_cast<uint8_t>(raw) | 0x80);
  out.push_back(static_cast<uint8_t>(raw));
}

inline void put_content(std::vector<uint8_t>& out, const std::optional<std::string>& content) {
  put_varint(out, content ? static_cast<int64_t>(content->size()) : -1);
  if (content) out.insert(out.end(), content->begin(), content->end());
}

// A header that fits `records`; tests change it before they seal.
inline BatchHeader header_for(const std::vector<TestRecord>& records) {
  BatchHeader header{};
  header.leader_epoch = -1;
  header.magic = kMagicV2;
  header.last_offset_delta = static_cast<int32_t>(records.size()) - 1;
  header.base_timestamp = records.empty() ? kNoTimestamp : records[0].timestamp;
  header.max_timestamp = kNoTimestamp;
  for (const TestRecord& record : records) header.max_timestamp = std::max(header.max_timestamp, record.timestamp);
  header.producer_id = kNoProducerId;
  header.producer_epoch = -1;
  header.base_sequence = kNoSequence;
  header.record_count = static_cast<int32_t>(records.size());
  return header;
}

// The header and any payload behind it, with length and CRC.
inline std::vector<uint8_t> seal(BatchHeader header, const std::vector<uint8_t>& payload) {
  std::vector<uint8_t> bytes(kBatchHeaderSize);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  header.batch_length = static_cast<int32_t>(bytes.size() - kBatchLengthOverhead);
  write_header(bytes.data(), header);
  seal_crc(bytes.data(), bytes.size());
  return bytes;
}

inline std::vector<uint8_t> encode_records(const BatchHeader& header, const std::vector<TestRecord>& records) {
  std::vector<uint8_t> payload;
  for (size_t i = 0; i < records.size(); i++) {
    std::vector<uint8_t> body = {0};
    put_varint(body, records[i].timestamp - header.base_timestamp);
    put_varint(body, records[i].offset_delta.value_or(static_cast<int32_t>(i)));
    put_content(body, records[i].key);
    put_content(body, records[i].value);
    put_varint(body, static_cast<int64_t>(records[i].headers.size()));
    for (const auto& [key, value] : records[i].headers) {
      put_content(body, key);
      put_content(body, value);
    }
    put_varint(payload, static_cast<int64_t>(body.size()));
    payload.insert(payload.end(), body.begin(), body.end());
  }
  return payload;
}

inline std::vector<uint8_t> make_batch(const std::vector<TestRecord>& records, const BatchHeader& header) {
  return seal(header, encode_records(header, records));
}

inline std::vector<uint8_t> make_batch(const std::vector<TestRecord>& records) {
  return make_batch(records, header_for(records));
}

}  // namespace odradek::test
