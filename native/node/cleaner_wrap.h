// Compaction for JavaScript, called once per chunk of batches: exports.cleaner has
//   new OffsetMap(memoryBytes, loadFactor)
//     .index(id, chunk, positions, unpacked, fromOffset, endOffset)
//     .filter(id, chunk, positions, unpacked, endOffset, nowMs, deleteRetentionMs, roundEndOffset, producers)
//   writeCleaned(id, path, position, bytes, pending, compressed)
// All but the constructor run on engine threads and answer by a completion.
#pragma once

#include <napi.h>

namespace odradek {

void InitCleaner(Napi::Env env, Napi::Object exports);

}  // namespace odradek
