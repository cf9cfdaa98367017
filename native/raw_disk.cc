#include "raw_disk.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <thread>

namespace odradek {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

constexpr size_t kPage = 4096;
constexpr uint64_t kWarmPiece = 1 << 20;
constexpr size_t kSinkBuffer = 1 << 20;
// Pages that readahead or a socket still holds are not let go.
constexpr int kEvictTries = 10;
constexpr auto kEvictPause = std::chrono::milliseconds(20);

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return value_; }

 private:
  const int value_;
};

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<uint8_t, FreeMemory>;

// Aligned to pages, filled with what a disk cannot compress away.
Memory filled_memory(size_t size) {
  void* memory = nullptr;
  if (::posix_memalign(&memory, kPage, size) != 0) return nullptr;
  std::minstd_rand random(1);
  auto* words = static_cast<uint32_t*>(memory);
  for (size_t i = 0; i < size / sizeof(uint32_t); i++) words[i] = random();
  return Memory(static_cast<uint8_t*>(memory));
}

Status failed(const std::string& path) { return Status::from_errno(errno, path); }
Status out_of_memory() { return Status(Code::kIo, ENOMEM, ""); }

int open_new(const std::string& path) { return ::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600); }

Status write_all(int descriptor, const std::string& path, const uint8_t* data, uint64_t size, uint64_t position) {
  while (size > 0) {
    const ssize_t written = ::pwrite(descriptor, data, size, static_cast<off_t>(position));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(path);
    data += written;
    size -= static_cast<uint64_t>(written);
    position += static_cast<uint64_t>(written);
  }
  return Status();
}

// Runs `work` with each number below `threads`, each on a thread of its own, and gives the first failure.
Status on_threads(int threads, const std::function<Status(int)>& work) {
  std::vector<Status> statuses(static_cast<size_t>(threads));
  std::vector<std::thread> running;
  for (int i = 1; i < threads; i++) {
    running.emplace_back([&, i] { statuses[static_cast<size_t>(i)] = work(i); });
  }
  statuses[0] = work(0);
  for (std::thread& thread : running) thread.join();
  for (Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return Status();
}

Status connect_to(uint16_t port, int descriptor) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return failed("");
  const int on = 1;
  if (::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return failed("");
  return Status();
}

Status send_all(int socket, const uint8_t* data, uint64_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return failed("");
    data += sent;
    size -= static_cast<uint64_t>(sent);
  }
  return Status();
}

void drain(int socket) {
  const Memory buffer = filled_memory(kSinkBuffer);
  if (!buffer) return;
  while (true) {
    const ssize_t got = ::recv(socket, buffer.get(), kSinkBuffer, 0);
    if (got == 0 || (got < 0 && errno != EINTR)) return;
  }
}

}  // namespace

Status raw_write(const std::string& path, uint64_t block, uint64_t bytes, int threads, RawWriteResult* result) {
  const Memory data = filled_memory(block);
  if (!data) return out_of_memory();
  std::vector<std::unique_ptr<Descriptor>> files;
  for (int i = 0; i < threads; i++) {
    files.push_back(std::make_unique<Descriptor>(open_new(path + std::to_string(i))));
    if (*files.back() < 0) return failed(path);
  }
  const uint64_t share = bytes / static_cast<uint64_t>(threads);
  const Clock::time_point start = Clock::now();
  std::vector<double> written(static_cast<size_t>(threads));
  ODRADEK_RETURN_IF_ERROR(on_threads(threads, [&](int thread) {
    const int file = *files[static_cast<size_t>(thread)];
    for (uint64_t at = 0; at < share; at += block) {
      ODRADEK_RETURN_IF_ERROR(write_all(file, path, data.get(), std::min(block, share - at), at));
    }
    written[static_cast<size_t>(thread)] = seconds_since(start);
    return ::fdatasync(file) == 0 ? Status() : failed(path);
  }));
  result->written_seconds = *std::max_element(written.begin(), written.end());
  result->flushed_seconds = seconds_since(start);
  return Status();
}

Status raw_durable(const std::string& path, uint64_t block, const RawLimits& limits, RawRun* run) {
  const Memory data = filled_memory(block);
  if (!data) return out_of_memory();
  const Descriptor file(open_new(path));
  if (file < 0) return failed(path);
  const Clock::time_point start = Clock::now();
  while (run->seconds < limits.seconds && run->bytes < limits.bytes) {
    const double began = run->seconds;
    ODRADEK_RETURN_IF_ERROR(write_all(file, path, data.get(), block, run->bytes));
    if (::fdatasync(file) != 0) return failed(path);
    run->bytes += block;
    run->seconds = seconds_since(start);
    run->latencies.push_back((run->seconds - began) * 1e3);
  }
  return Status();
}

Status raw_read(const RawRead& read, const RawLimits& limits, RawRun* run) {
  const Descriptor file(::open(read.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file < 0) return failed(read.path);
  const uint64_t blocks = read.size / read.block;
  const uint64_t threads = static_cast<uint64_t>(read.threads);
  const uint64_t stripe = std::max<uint64_t>(blocks / threads, 1);
  std::vector<uint64_t> bytes(threads);
  const Clock::time_point start = Clock::now();
  ODRADEK_RETURN_IF_ERROR(on_threads(read.threads, [&](int number) -> Status {
    const auto thread = static_cast<uint64_t>(number);
    const Memory data = filled_memory(read.block);
    if (!data) return out_of_memory();
    std::mt19937_64 random(read.seed * 1000 + thread);
    for (uint64_t i = 0; bytes[thread] < limits.bytes / threads; i++) {
      const uint64_t block = read.random ? random() % blocks : (thread * stripe + i % stripe) % blocks;
      const ssize_t got = ::pread(file, data.get(), read.block, static_cast<off_t>(block * read.block));
      if (got < 0) return failed(read.path);
      bytes[thread] += static_cast<uint64_t>(got);
      if (seconds_since(start) >= limits.seconds) break;
    }
    return Status();
  }));
  run->seconds = seconds_since(start);
  for (const uint64_t each : bytes) run->bytes += each;
  return Status();
}

Status raw_evict(const std::string& path, uint64_t* resident) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (file < 0 || ::fdatasync(file) != 0 || ::fstat(file, &info) != 0) return failed(path);
  const auto size = static_cast<size_t>(info.st_size);
  *resident = 0;
  if (size == 0) return Status();
  void* const map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) return failed(path);
  std::vector<unsigned char> pages((size + kPage - 1) / kPage);
  Status status;
  for (int tries = 0; tries < kEvictTries; tries++) {
    if (tries > 0) std::this_thread::sleep_for(kEvictPause);
    const int error = ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    if (error != 0) status = Status(Code::kIo, error, path);
    if (status.ok() && ::mincore(map, size, pages.data()) != 0) status = failed(path);
    *resident = 0;
    for (const unsigned char page : pages) *resident += (page & 1) * kPage;
    if (!status.ok() || *resident == 0) break;
  }
  ::munmap(map, size);
  return status;
}

Status raw_warm(const std::string& path, uint64_t bytes) {
  const Descriptor file(open_new(path));
  if (file < 0) return failed(path);
  const Memory data = filled_memory(kWarmPiece);
  if (!data) return out_of_memory();
  // A hole: reading it takes pages of the page cache and none of the disk.
  Status status;
  if (::ftruncate(file, static_cast<off_t>(bytes)) != 0) status = failed(path);
  for (uint64_t at = 0; status.ok() && at < bytes; at += kWarmPiece) {
    if (::pread(file, data.get(), kWarmPiece, static_cast<off_t>(at)) < 0) status = failed(path);
  }
  ::unlink(path.c_str());
  return status;
}

Status raw_sink_open(int* descriptor, uint16_t* port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return failed("");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 8) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    const Status status = failed("");
    ::close(listener);
    return status;
  }
  *descriptor = listener;
  *port = ntohs(address.sin_port);
  std::thread([listener] {
    while (true) {
      const Descriptor connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
      if (connection >= 0) {
        drain(connection);
      } else if (errno != EINTR && errno != ECONNABORTED) {
        break;
      }
    }
    // Only its own thread closes it: elsewhere the number might by then be another file's.
    ::close(listener);
  }).detach();
  return Status();
}

void raw_sink_close(int descriptor) { ::shutdown(descriptor, SHUT_RDWR); }

Status raw_send(uint16_t port, RawSend from, const std::string& path, uint64_t size, uint64_t block, uint64_t bytes,
                double* seconds) {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket < 0) return failed("");
  ODRADEK_RETURN_IF_ERROR(connect_to(port, socket));
  const Descriptor file(from == RawSend::kMemory ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (from != RawSend::kMemory && file < 0) return failed(path);
  const Memory data = filled_memory(block);
  if (!data) return out_of_memory();
  const Clock::time_point start = Clock::now();
  uint64_t sent = 0;
  while (sent < bytes) {
    const uint64_t at = from == RawSend::kMemory ? 0 : sent % size;
    uint64_t piece = std::min(block, bytes - sent);
    if (from != RawSend::kMemory) piece = std::min(piece, size - at);
    if (from == RawSend::kSendfile) {
      off_t position = static_cast<off_t>(at);
      const ssize_t moved = ::sendfile(socket, file, &position, piece);
      if (moved < 0 && errno == EINTR) continue;
      if (moved <= 0) return moved < 0 ? failed(path) : Status(Code::kIo, ENODATA, path);
      piece = static_cast<uint64_t>(moved);
    } else {
      if (from == RawSend::kCopy) {
        const ssize_t got = ::pread(file, data.get(), piece, static_cast<off_t>(at));
        if (got <= 0) return got < 0 ? failed(path) : Status(Code::kIo, ENODATA, path);
        piece = static_cast<uint64_t>(got);
      }
      ODRADEK_RETURN_IF_ERROR(send_all(socket, data.get(), piece));
    }
    sent += piece;
  }
  if (::shutdown(socket, SHUT_WR) != 0) return failed("");
  // The sink closes when it has read all.
  uint8_t byte;
  if (::recv(socket, &byte, 1, 0) < 0) return failed("");
  *seconds = seconds_since(start);
  return Status();
}

}  // namespace odradek
