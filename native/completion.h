// What engine threads tell the owner of a log. The engine knows a sink; what is behind it is the wrap's affair.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "file_range.h"
#include "status.h"

namespace odradek {

struct FreeBytes {
  void operator()(uint8_t* p) const { std::free(p); }
};

struct Bytes {
  std::unique_ptr<uint8_t[], FreeBytes> data;
  size_t size = 0;

  // Null data when memory is short.
  static Bytes allocate(size_t size) {
    return {std::unique_ptr<uint8_t[], FreeBytes>(static_cast<uint8_t*>(std::malloc(size ? size : 1))), size};
  }
};

enum class CompletionKind : uint8_t {
  kOperation,  // `id` is that of the call
  kFlushed,    // `id` is that of the log, from here on; values[0]: flushed offset
  kFailed,     // status: why
  kRolled,     // values[0]: base offset of the new segment
  kAppended,   // values[0]: end of the log; of one that several handles share
  kCut,        // values[0]: where the log's end was cut
  kOver,       // what an operation had left to do after its completion is done: nothing to tell
};

struct Completion {
  CompletionKind kind = CompletionKind::kOperation;
  double id = 0;
  Status status;
  // Of an operation: nothing is left to do. Else a kOver follows, or went ahead.
  bool last = true;
  double values[4] = {0, 0, 0, 0};
  // The File is one that holds a lock.
  std::variant<std::monostate, FileRange, Bytes, std::shared_ptr<File>> payload;

  static Completion operation(double id, Status status) {
    Completion completion;
    completion.id = id;
    completion.status = std::move(status);
    return completion;
  }
  static Completion over(double id) {
    Completion completion;
    completion.kind = CompletionKind::kOver;
    completion.id = id;
    return completion;
  }
};

// Thread-safe. Completions arrive in the order in which they were posted.
class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  virtual void post(std::vector<Completion>&& completions) = 0;

  void post(Completion&& completion) {
    std::vector<Completion> one;
    one.push_back(std::move(completion));
    post(std::move(one));
  }
};

}  // namespace odradek
