#include "zerocopy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#ifdef __linux__
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#endif

namespace odradek {
namespace {

// Probed and sent at a time: what turns cold between probe and send makes a thread wait for this much at most.
constexpr uint64_t kPiece = 256 * 1024;
// Asked of the disk beyond what is waited for, so that a sequential reader finds the next pieces warm.
constexpr uint64_t kReadAhead = 2 * 1024 * 1024;

uint64_t left(const FileRange& range, uint64_t offset, uint64_t max) {
  return offset >= range.length ? 0 : std::min(max, range.length - offset);
}

uint64_t page_size() {
  static const auto size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

#ifndef MSG_NOSIGNAL
constexpr int MSG_NOSIGNAL = 0;
#endif
#ifndef MSG_MORE
constexpr int MSG_MORE = 0;
#endif

#ifdef __APPLE__
using Residency = char;
#else
using Residency = unsigned char;
#endif

#ifdef __linux__
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

bool has_arrived(int descriptor, uint64_t position) {
  char byte;
  const iovec part{&byte, 1};
  return preadv2(descriptor, &part, 1, static_cast<off_t>(position), RWF_NOWAIT) == 1;
}

// Says quickly (Linux 6.5) that all of it is cached; 1 us where mincore takes 12. cachestat also counts pages that
// are still being read, for which sendfile would wait: reads of several pages end at their ends, so those are looked
// at. False where it cannot tell.
bool is_hot(int descriptor, uint64_t position, uint64_t length) {
  static std::atomic<bool> missing{false};
  if (missing.load(std::memory_order_relaxed)) return false;
  struct {
    uint64_t position, length;
  } range{position, length};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } counts{};
  if (syscall(SYS_cachestat, descriptor, &range, &counts, 0) != 0) {
    if (errno == ENOSYS) missing.store(true, std::memory_order_relaxed);
    return false;
  }
  const uint64_t pages = (position + length - 1) / page_size() - position / page_size() + 1;
  return counts.cached >= pages && has_arrived(descriptor, position) && has_arrived(descriptor, position + length - 1);
}
#else
bool is_hot(int, uint64_t, uint64_t) { return false; }
#endif

// Of at most kPiece bytes, by mincore through a short-lived map: it counts a page only when its content has arrived.
uint64_t resident_piece(int descriptor, uint64_t position, uint64_t length) {
  if (portable_files_forced()) return length;
  if (is_hot(descriptor, position, length)) return length;
  const uint64_t start = position / page_size() * page_size();
  const size_t span = static_cast<size_t>(position + length - start);
  void* map = mmap(nullptr, span, PROT_READ, MAP_SHARED, descriptor, static_cast<off_t>(start));
  if (map == MAP_FAILED) return length;
  Residency pages[kPiece / 4096 + 1];
  const size_t count = (span + page_size() - 1) / page_size();
  const bool probed = mincore(map, span, pages) == 0;
  munmap(map, span);
  if (!probed) return length;
  size_t first_cold = 0;
  while (first_cold < count && (pages[first_cold] & 1)) first_cold++;
  if (first_cold == count) return length;
  const uint64_t end = start + first_cold * page_size();
  return end <= position ? 0 : end - position;
}

}  // namespace

bool can_send_file() {
#ifdef __linux__
  return !portable_files_forced();
#else
  return false;
#endif
}

uint64_t resident_bytes(const FileRange& range, uint64_t offset, uint64_t max) {
  const uint64_t wanted = left(range, offset, max);
  uint64_t resident = 0;
  while (resident < wanted) {
    const uint64_t piece = std::min(kPiece, wanted - resident);
    const uint64_t found = resident_piece(range.file->descriptor(), range.position + offset + resident, piece);
    resident += found;
    if (found < piece) break;
  }
  return resident;
}

SendResult send_file_range(int socket, const FileRange& range, uint64_t offset, uint64_t max) {
  SendResult result;
#ifdef __linux__
  if (!can_send_file()) {
    result.state = SendState::kFailed;
    result.error = ENOSYS;
    return result;
  }
  const uint64_t wanted = left(range, offset, max);
  while (result.sent < wanted) {
    const uint64_t at = offset + result.sent;
    const uint64_t piece = resident_bytes(range, at, std::min(kPiece, wanted - result.sent));
    if (piece == 0) {
      result.state = SendState::kCold;
      return result;
    }
    auto position = static_cast<off_t>(range.position + at);
    const ssize_t sent = sendfile(socket, range.file->descriptor(), &position, static_cast<size_t>(piece));
    if (sent > 0) {
      result.sent += static_cast<uint64_t>(sent);
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      result.state = SendState::kWouldBlock;
      return result;
    }
    result.state = SendState::kFailed;
    result.error = sent == 0 ? ENODATA : errno;
    return result;
  }
#else
  (void)socket, (void)range, (void)offset, (void)max;
  result.state = SendState::kFailed;
  result.error = ENOSYS;
#endif
  return result;
}

SendResult send_bytes(int socket, const uint8_t* data, size_t size, bool more) {
  SendResult result;
  while (result.sent < size) {
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    const ssize_t sent = send(socket, data + result.sent, size - static_cast<size_t>(result.sent), flags);
    if (sent >= 0) {
      result.sent += static_cast<uint64_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      result.state = SendState::kWouldBlock;
      break;
    } else if (errno != EINTR) {
      result.state = SendState::kFailed;
      result.error = errno;
      break;
    }
  }
  return result;
}

Status read_range(const FileRange& range, uint64_t offset, void* to, size_t size, size_t* read) {
  const uint64_t wanted = left(range, offset, size);
#ifdef POSIX_FADV_WILLNEED
  const uint64_t start = range.position + offset;
  const uint64_t last = range.file->last_cold_end.exchange(start + wanted, std::memory_order_relaxed);
  // Who got here by what was read ahead asks for what is behind the range next.
  const bool goes_on = start >= last && start - last <= 2 * kReadAhead;
  const uint64_t ahead = goes_on ? wanted + kReadAhead : left(range, offset, wanted + kReadAhead);
  // Advice: where it fails the read does the work alone.
  (void)posix_fadvise(range.file->descriptor(), static_cast<off_t>(start), static_cast<off_t>(ahead),
                      POSIX_FADV_WILLNEED);
#endif
  return range.file->pread(to, static_cast<size_t>(wanted), range.position + offset, read);
}

size_t read_range_cached(const FileRange& range, uint64_t offset, void* to, size_t size) {
  return range.file->pread_cached(to, static_cast<size_t>(left(range, offset, size)), range.position + offset);
}

}  // namespace odradek
