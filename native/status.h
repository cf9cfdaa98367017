// How an engine call ended. A Status cannot be dropped silently.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

namespace odradek {

// The one list of codes. The names are those of EngineErrorCode in lib/native/types.ts, which gets them from here
// by the addon's `errorCodes`: a number never stands on both sides.
#define ODRADEK_ERROR_CODES(X)                \
  X(kOk, "OK")                                \
  X(kCorruptBatch, "CORRUPT_BATCH")           \
  X(kInvalidRecord, "INVALID_RECORD")         \
  X(kInvalidTimestamp, "INVALID_TIMESTAMP")   \
  X(kBatchTooLarge, "BATCH_TOO_LARGE")        \
  X(kOffsetOutOfRange, "OFFSET_OUT_OF_RANGE") \
  X(kCorruptLog, "CORRUPT_LOG")               \
  X(kNoSpace, "NO_SPACE")                     \
  X(kIo, "IO")                                \
  X(kLogFailed, "LOG_FAILED")                 \
  X(kPreviousRefused, "PREVIOUS_REFUSED")     \
  X(kClosed, "CLOSED")                        \
  X(kLocked, "LOCKED")                        \
  X(kInvalidArgument, "INVALID_ARGUMENT")     \
  X(kUnsupportedFormat, "UNSUPPORTED_FORMAT")

enum class Code : uint8_t {
#define X(name, text) name,
  ODRADEK_ERROR_CODES(X)
#undef X
};

inline constexpr const char* kCodeNames[] = {
#define X(name, text) text,
    ODRADEK_ERROR_CODES(X)
#undef X
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  explicit Status(Code code) : code_(code) {}
  Status(Code code, int error, std::string path) : code_(code), error_(error), path_(std::move(path)) {}

  // What a failed system call means: a full disk or an exhausted quota is NO_SPACE, all else IO.
  static Status from_errno(int error, std::string path) {
    const bool full = error == ENOSPC || error == EDQUOT;
    return Status(full ? Code::kNoSpace : Code::kIo, error, std::move(path));
  }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const char* name() const { return kCodeNames[static_cast<int>(code_)]; }
  // Linux errno, 0 where no system call failed.
  int error() const { return error_; }
  const std::string& path() const { return path_; }
  bool is_not_found() const { return error_ == ENOENT; }

  // For the few places where a failure changes nothing; say why beside the call.
  void ignore() const {}

 private:
  Code code_ = Code::kOk;
  int error_ = 0;
  std::string path_;
};

#define ODRADEK_RETURN_IF_ERROR(expression)                                      \
  do {                                                                           \
    if (::odradek::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

}  // namespace odradek
