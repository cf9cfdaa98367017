// The file that tells gaps from losses. Compaction leaves gaps between segments; so does a power cut that took the end
// of one and kept the next. INVARIANT: all below the offset in the file was on disk when the file was written, and no
// compaction left a gap past it. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "status.h"

namespace odradek {

// -1 where there is no file: a log that was never compacted, or by Kafka, which has no such file.
Status read_gap_limit(const std::string& folder, int64_t* offset);
// Durable when it returns OK.
Status write_gap_limit(const std::string& folder, int64_t offset);

}  // namespace odradek
