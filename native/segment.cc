#include "segment.h"

namespace odradek {
namespace {

constexpr std::string_view kSuffixes[] = {kTransactionIndexSuffix, kTimeIndexSuffix, kOffsetIndexSuffix, kLogSuffix};

std::string with_suffix(const std::string& folder, int64_t base_offset, std::string_view kind,
                        std::string_view suffix) {
  std::string path = segment_file(folder, base_offset, kind);
  path += suffix;
  return path;
}

// Into a new file: readers may search the old one. Whole or not at all: half an index looks like one.
Status rewrite(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::string temporary = path;
  temporary += kTemporarySuffix;
  std::shared_ptr<File> file;
  ODRADEK_RETURN_IF_ERROR(file_system().open(temporary, OpenMode::kCreateTruncate, &file));
  ODRADEK_RETURN_IF_ERROR(file->pwrite(bytes.data(), bytes.size(), 0));
  ODRADEK_RETURN_IF_ERROR(file->datasync());
  return file_system().rename(temporary, path);
}

}  // namespace

Status acquire_handle(const Segment& segment, bool writable, std::shared_ptr<SegmentHandle>* out) {
  HandleCache& cache = HandleCache::instance();
  std::shared_ptr<SegmentHandle> handle = cache.find(segment.id);
  if (handle && (handle->writable || !writable)) {
    *out = std::move(handle);
    return Status();
  }
  handle = std::make_shared<SegmentHandle>();
  handle->writable = writable;
  FileSystem& files = file_system();
  const OpenMode index_mode = writable ? OpenMode::kCreate : OpenMode::kRead;
  ODRADEK_RETURN_IF_ERROR(
      files.open(segment.path(kLogSuffix), writable ? OpenMode::kReadWrite : OpenMode::kRead, &handle->log));
  // Of an index without entries nothing is read: a segment that its writer was just about to make may lack the file.
  Status opened = files.open(segment.path(kOffsetIndexSuffix), index_mode, &handle->offset_index);
  if (!opened.ok() && !(opened.is_not_found() && segment.indexes.offset_entries == 0)) return opened;
  opened = files.open(segment.path(kTimeIndexSuffix), index_mode, &handle->time_index);
  if (!opened.ok() && !(opened.is_not_found() && segment.indexes.time_entries == 0)) return opened;
  cache.put(segment.id, handle);
  // Its name may stand for another segment by now.
  if (segment.gone.load(std::memory_order_acquire)) {
    cache.erase(segment.id);
    return Status(Code::kIo, ENOENT, segment.path(kLogSuffix));
  }
  *out = std::move(handle);
  return Status();
}

Status create_segment(const Segment& segment) {
  const auto handle = std::make_shared<SegmentHandle>();
  handle->writable = true;
  FileSystem& files = file_system();
  const OpenMode mode = OpenMode::kCreateTruncate;
  // The log comes last, as it goes first: whoever finds one finds its indexes too.
  ODRADEK_RETURN_IF_ERROR(files.open(segment.path(kOffsetIndexSuffix), mode, &handle->offset_index));
  ODRADEK_RETURN_IF_ERROR(files.open(segment.path(kTimeIndexSuffix), mode, &handle->time_index));
  ODRADEK_RETURN_IF_ERROR(files.open(segment.path(kLogSuffix), mode, &handle->log));
  HandleCache::instance().put(segment.id, handle);
  return Status();
}

std::shared_ptr<SegmentHandle> cached_handle(const Segment& segment) {
  return HandleCache::instance().find(segment.id);
}

Status rename_segment(const std::string& folder, int64_t base_offset, std::string_view from_suffix,
                      std::string_view to_suffix) {
  for (std::string_view kind : kSuffixes) {
    Status renamed = file_system().rename(with_suffix(folder, base_offset, kind, from_suffix),
                                          with_suffix(folder, base_offset, kind, to_suffix));
    if (!renamed.ok() && !(renamed.is_not_found() && kind != kLogSuffix)) return renamed;
  }
  return Status();
}

Status remove_segment(const std::string& folder, int64_t base_offset, std::string_view suffix) {
  for (size_t i = std::size(kSuffixes); i-- > 0;) {
    Status removed = file_system().unlink(with_suffix(folder, base_offset, kSuffixes[i], suffix));
    if (!removed.ok() && !removed.is_not_found()) return removed;
  }
  return Status();
}

Status sync_indexes(const Segment& segment) {
  for (std::string_view kind : {kOffsetIndexSuffix, kTimeIndexSuffix}) {
    std::shared_ptr<File> file;
    ODRADEK_RETURN_IF_ERROR(file_system().open(segment.path(kind), OpenMode::kReadWrite, &file));
    ODRADEK_RETURN_IF_ERROR(file->datasync());
  }
  return Status();
}

Status write_indexes(const Segment& segment, const SegmentIndexes& indexes, std::string_view suffix) {
  ODRADEK_RETURN_IF_ERROR(rewrite(with_suffix(*segment.folder, segment.base_offset, kOffsetIndexSuffix, suffix),
                                  encode(indexes.offsets.data(), indexes.offsets.size())));
  return rewrite(with_suffix(*segment.folder, segment.base_offset, kTimeIndexSuffix, suffix),
                 encode(indexes.times.data(), indexes.times.size()));
}

}  // namespace odradek
