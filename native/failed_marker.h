// The mark of a log that failed in a way that leaves bytes which nobody may trust: its next open cuts to `offset`.
// Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "status.h"

namespace odradek {

// The offset of a mark that says no more than that the page cache is not to be believed.
inline constexpr int64_t kCutNothing = INT64_MAX;

// In the folder, and in memory too: a disk that cannot fsync may not take the file either.
void leave_failed_marker(const std::string& folder, int64_t offset);
// `found` is false when there is none; an error when that cannot be known.
Status find_failed_marker(const std::string& folder, bool* found, int64_t* offset);
Status remove_failed_marker(const std::string& folder);
// The folder was renamed or removed.
void forget_failed_marker(const std::string& folder);

}  // namespace odradek
