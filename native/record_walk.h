// One record of a batch's uncompressed payload. Shared by validation and compaction; never reads past `end`.
#pragma once

#include <cstddef>
#include <cstdint>

#include "big_endian.h"

namespace odradek {

// Views into the payload. A length of -1 is a null key or value.
struct RecordView {
  const uint8_t* begin;  // its length varint
  const uint8_t* end;
  int64_t timestamp_delta;
  int32_t offset_delta;
  const uint8_t* key;
  int32_t key_size;
  const uint8_t* value;
  int32_t value_size;
};

// Reads the record at `p` and moves `p` past it. False when its structure does not check out: a length or varint
// that overruns, a negative header count or header key, or bytes left over inside the record.
inline bool read_record(const uint8_t*& p, const uint8_t* end, RecordView* out) {
  out->begin = p;
  int32_t size;
  if (!read_varint(p, end, &size) || size < 0 || size > end - p) return false;
  const uint8_t* const record_end = p + size;
  out->end = record_end;
  if (p == record_end) return false;
  p++;  // record attributes: none are defined
  if (!read_varlong(p, record_end, &out->timestamp_delta)) return false;
  if (!read_varint(p, record_end, &out->offset_delta)) return false;

  if (!read_varint(p, record_end, &out->key_size)) return false;
  out->key = p;
  if (out->key_size > 0) {
    if (out->key_size > record_end - p) return false;
    p += out->key_size;
  }
  if (!read_varint(p, record_end, &out->value_size)) return false;
  out->value = p;
  if (out->value_size > 0) {
    if (out->value_size > record_end - p) return false;
    p += out->value_size;
  }

  int32_t headers;
  if (!read_varint(p, record_end, &headers) || headers < 0 || headers > record_end - p) return false;
  for (; headers > 0; headers--) {
    int32_t key_size;
    if (!read_varint(p, record_end, &key_size) || key_size < 0 || key_size > record_end - p) return false;
    p += key_size;
    int32_t value_size;
    if (!read_varint(p, record_end, &value_size)) return false;
    if (value_size > 0) {
      if (value_size > record_end - p) return false;
      p += value_size;
    }
  }
  return p == record_end;
}

}  // namespace odradek
