#include "cleaner_wrap.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "batch_filter.h"
#include "environment.h"
#include "thread_pool.h"

namespace odradek {
namespace {

int64_t int64_at(const Napi::CallbackInfo& info, size_t i) {
  const double value = info[i].As<Napi::Number>().DoubleValue();
  return value < 9.2e18 ? static_cast<int64_t>(value) : std::numeric_limits<int64_t>::max();
}

// The memory stays: the caller holds what it belongs to until the completion.
struct View {
  const uint8_t* data;
  size_t size;
};

View view_of(Napi::Value value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

// Arguments 1 to 4: chunk, positions of its compressed batches, their records, and for each aborted transaction the
// producer id, the first and the last offset.
BatchChunk chunk_of(const Napi::CallbackInfo& info, int64_t end_offset) {
  const View bytes = view_of(info[1]);
  const auto positions = info[2].As<Napi::Float64Array>();
  const auto unpacked = info[3].As<Napi::Array>();
  BatchChunk chunk{bytes.data, bytes.size, {}, end_offset};
  for (uint32_t i = 0; i < unpacked.Length(); i++) {
    const View records = view_of(unpacked.Get(i));
    chunk.unpacked.push_back({static_cast<size_t>(positions[i]), records.data, records.size});
  }
  const auto aborted = info[4].As<Napi::BigInt64Array>();
  for (size_t i = 0; i + 2 < aborted.ElementLength(); i += 3) {
    chunk.aborted.add(aborted[i], aborted[i + 1], aborted[i + 2]);
  }
  return chunk;
}

// Argument 0 is the operation's id.
void run(const Napi::CallbackInfo& info, std::function<Status(Completion* completion)> work) {
  const std::shared_ptr<CompletionQueue> sink = Environment::of(info.Env()).completions;
  sink->begin();
  ThreadPool::read().post(
      [id = info[0].As<Napi::Number>().DoubleValue(), sink, work = std::move(work), borrowed = sink->borrow()] {
        Completion completion = Completion::operation(id, Status());
        try {
          completion.status = work(&completion);
        } catch (const std::bad_alloc&) {
          completion.status = Status::from_errno(ENOMEM, "");
        }
        sink->post(std::move(completion));
      });
}

void put_double(uint8_t* p, size_t value) {
  const auto number = static_cast<double>(value);
  std::memcpy(p, &number, sizeof(number));
}

// The batches, then three doubles for each pending one: position, size, compression.
Status pack(const FilteredChunk& filtered, Completion* completion) {
  constexpr size_t kEntry = 3 * sizeof(double);
  Bytes bytes = Bytes::allocate(filtered.bytes.size() + filtered.pending.size() * kEntry);
  if (!bytes.data) return Status::from_errno(ENOMEM, "");
  std::copy(filtered.bytes.begin(), filtered.bytes.end(), bytes.data.get());
  uint8_t* p = bytes.data.get() + filtered.bytes.size();
  for (const PendingBatch& batch : filtered.pending) {
    put_double(p, batch.position);
    put_double(p + sizeof(double), batch.size);
    put_double(p + 2 * sizeof(double), static_cast<size_t>(batch.compression));
    p += kEntry;
  }
  completion->values[0] = static_cast<double>(filtered.consumed_bytes);
  completion->values[1] = static_cast<double>(filtered.next_offset);
  completion->values[2] = static_cast<double>(filtered.records_kept);
  completion->values[3] = static_cast<double>(filtered.pending.size());
  completion->payload = std::move(bytes);
  return Status();
}

class OffsetMapWrap : public Napi::ObjectWrap<OffsetMapWrap> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "OffsetMap",
                       {
                           InstanceMethod<&OffsetMapWrap::Index>("index"),
                           InstanceMethod<&OffsetMapWrap::Filter>("filter"),
                           InstanceMethod<&OffsetMapWrap::Release>("release"),
                           InstanceAccessor<&OffsetMapWrap::Size>("size"),
                           InstanceAccessor<&OffsetMapWrap::LatestOffset>("latestOffset"),
                       });
  }

  explicit OffsetMapWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<OffsetMapWrap>(info) {
    try {
      map_ =
          std::make_shared<OffsetMap>(static_cast<size_t>(int64_at(info, 0)), info[1].As<Napi::Number>().DoubleValue());
    } catch (const std::bad_alloc&) {
      Napi::RangeError::New(info.Env(), "no memory for the offset map").ThrowAsJavaScriptException();
    }
  }

 private:
  // A map in use by a call is freed when that call is done.
  void Release(const Napi::CallbackInfo&) { map_.reset(); }

  Napi::Value Size(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), map_ ? static_cast<double>(map_->size()) : 0);
  }
  Napi::Value LatestOffset(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), map_ ? static_cast<double>(map_->latest_offset()) : -1);
  }

  void Index(const Napi::CallbackInfo& info) {
    run(info, [map = map_, from = int64_at(info, 5), chunk = chunk_of(info, int64_at(info, 6))](Completion* out) {
      if (!map) return Status(Code::kClosed);
      IndexedChunk indexed;
      ODRADEK_RETURN_IF_ERROR(index_chunk(chunk, from, map.get(), &indexed));
      out->values[0] = static_cast<double>(indexed.consumed_bytes);
      out->values[1] = static_cast<double>(indexed.next_offset);
      out->values[2] = indexed.full;
      return Status();
    });
  }

  void Filter(const Napi::CallbackInfo& info) {
    FilterRules rules;
    rules.map = map_.get();
    rules.now_ms = int64_at(info, 6);
    rules.delete_retention_ms = std::clamp<int64_t>(int64_at(info, 7), 0, int64_t{1} << 53);
    rules.round_end_offset = int64_at(info, 8);
    const auto producers = info[9].As<Napi::BigInt64Array>();
    for (size_t i = 0; i + 1 < producers.ElementLength(); i += 2) {
      rules.last_offset_of_producer[producers[i]] = producers[i + 1];
    }
    run(info, [map = map_, rules = std::move(rules), chunk = chunk_of(info, int64_at(info, 5))](Completion* out) {
      if (!map) return Status(Code::kClosed);
      FilteredChunk filtered;
      ODRADEK_RETURN_IF_ERROR(filter_chunk(chunk, rules, &filtered));
      return pack(filtered, out);
    });
  }

  std::shared_ptr<OffsetMap> map_;
};

// Appends to the `.cleaned` file at `path`, which is created or emptied where `position` is 0. Not flushed: that is
// done before it takes a segment's place.
void WriteCleaned(const Napi::CallbackInfo& info) {
  const View bytes = view_of(info[3]);
  const auto table = info[4].As<Napi::Float64Array>();
  const auto records = info[5].As<Napi::Array>();
  std::vector<PendingBatch> pending;
  for (size_t i = 0; i + 2 < table.ElementLength(); i += 3) {
    pending.push_back(
        {static_cast<size_t>(table[i]), static_cast<size_t>(table[i + 1]), static_cast<int>(table[i + 2])});
  }
  std::vector<CompressedRecords> compressed;
  for (uint32_t i = 0; i < records.Length(); i++) {
    const View view = view_of(records.Get(i));
    compressed.push_back({view.data, view.size});
  }
  run(info, [path = info[1].As<Napi::String>().Utf8Value(), position = int64_at(info, 2), bytes,
             pending = std::move(pending), compressed = std::move(compressed)](Completion* out) {
    View written = bytes;
    std::vector<uint8_t> finished;
    if (!pending.empty()) {
      ODRADEK_RETURN_IF_ERROR(finish_pending(bytes.data, bytes.size, pending, compressed, &finished));
      written = {finished.data(), finished.size()};
    }
    // Positions in an index have 31 bits in Kafka.
    if (position + static_cast<int64_t>(written.size) > std::numeric_limits<int32_t>::max()) {
      return Status(Code::kInvalidArgument, EFBIG, path);
    }
    std::shared_ptr<File> file;
    const OpenMode mode = position == 0 ? OpenMode::kCreateTruncate : OpenMode::kReadWrite;
    ODRADEK_RETURN_IF_ERROR(file_system().open(path, mode, &file));
    if (written.size > 0) {
      ODRADEK_RETURN_IF_ERROR(file->pwrite(written.data, written.size, static_cast<uint64_t>(position)));
    }
    out->values[0] = static_cast<double>(written.size);
    return Status();
  });
}

}  // namespace

void InitCleaner(Napi::Env env, Napi::Object exports) {
  Napi::Object cleaner = Napi::Object::New(env);
  cleaner.Set("OffsetMap", OffsetMapWrap::Define(env));
  cleaner.Set("writeCleaned", Napi::Function::New<WriteCleaned>(env));
  exports.Set("cleaner", cleaner);
}

}  // namespace odradek
