// Ranges and bytes to a socket: partial sends, full sockets, cold pages, files that were cut.
#include "zerocopy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "file.h"

namespace odradek::test {
namespace {

class Zerocopy : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "zerocopy-XXXXXX";
    const int made = mkstemp(path_.data());
    ASSERT_GE(made, 0);
    close(made);
    ASSERT_TRUE(real_file_system().open(path_, OpenMode::kReadWrite, &file_).ok());
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets_), 0);
    fcntl(sockets_[0], F_SETFL, O_NONBLOCK);
  }

  void TearDown() override {
    close(sockets_[0]);
    if (sockets_[1] >= 0) close(sockets_[1]);
    unlink(path_.c_str());
  }

  void write(size_t size) {
    bytes_.resize(size);
    for (size_t i = 0; i < size; i++) bytes_[i] = static_cast<char>(i * 31 + i / 251);
    ASSERT_TRUE(file_->pwrite(bytes_.data(), size, 0).ok());
    ASSERT_TRUE(file_->datasync().ok());
  }

  FileRange range(uint64_t position, uint64_t length) { return FileRange{file_, position, length}; }

  std::string receive(size_t size) {
    std::string received(size, 0);
    size_t done = 0;
    while (done < size) {
      const ssize_t got = read(sockets_[1], received.data() + done, size - done);
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    received.resize(done);
    return received;
  }

  void evict() { ASSERT_EQ(posix_fadvise(file_->descriptor(), 0, 0, POSIX_FADV_DONTNEED), 0); }

  // By sendfile, or as callers do where there is none.
  SendResult send_range(const FileRange& range, uint64_t offset, uint64_t max) {
    if (can_send_file()) return send_file_range(writer(), range, offset, max);
    SendResult all;
    std::vector<uint8_t> piece(65'536);
    while (all.sent < max && all.state == SendState::kDone) {
      size_t read = 0;
      const size_t wanted = std::min<uint64_t>(piece.size(), max - all.sent);
      EXPECT_TRUE(read_range(range, offset + all.sent, piece.data(), wanted, &read).ok());
      if (read == 0) break;
      const uint64_t before = all.sent;
      all = send_bytes(writer(), piece.data(), read, false);
      all.sent += before;
    }
    return all;
  }

  int writer() const { return sockets_[0]; }

  std::string path_;
  std::shared_ptr<File> file_;
  std::string bytes_;
  int sockets_[2] = {-1, -1};
};

TEST_F(Zerocopy, SendsTheRangeAndNothingBeyondIt) {
  write(100'000);
  const FileRange part = range(10, 50'000);
  const SendResult result = send_range(part, 7, 1'000'000);
  EXPECT_EQ(result.state, SendState::kDone);
  EXPECT_EQ(result.sent, 49'993u);
  EXPECT_EQ(receive(result.sent), bytes_.substr(17, 49'993));
  EXPECT_EQ(send_range(part, 50'000, 100).sent, 0u);
}

TEST_F(Zerocopy, SendsNoMoreThanItIsTold) {
  write(100'000);
  const SendResult result = send_range(range(0, 100'000), 0, 1'000);
  EXPECT_EQ(result.state, SendState::kDone);
  EXPECT_EQ(result.sent, 1'000u);
}

TEST_F(Zerocopy, StopsAtAFullSocketAndGoesOnWhereItStopped) {
  write(8'000'000);
  const FileRange all = range(0, 8'000'000);
  std::string received;
  uint64_t offset = 0;
  int stops = 0;
  while (offset < all.length) {
    const SendResult result = send_range(all, offset, all.length);
    ASSERT_TRUE(result.state == SendState::kDone || result.state == SendState::kWouldBlock);
    if (result.state == SendState::kWouldBlock) stops++;
    offset += result.sent;
    received += receive(static_cast<size_t>(offset) - received.size());
  }
  EXPECT_GT(stops, 0);
  EXPECT_EQ(received, bytes_);
}

TEST_F(Zerocopy, BytesStopAtAFullSocketToo) {
  const std::vector<uint8_t> bytes(8'000'000, 7);
  const SendResult result = send_bytes(writer(), bytes.data(), bytes.size(), true);
  EXPECT_EQ(result.state, SendState::kWouldBlock);
  EXPECT_GT(result.sent, 0u);
  EXPECT_LT(result.sent, bytes.size());
}

TEST_F(Zerocopy, APeerThatLeftIsAnErrorAndNoSignal) {
  write(1'000);
  close(sockets_[1]);
  sockets_[1] = -1;
  const uint8_t byte = 0;
  const SendResult result = send_bytes(writer(), &byte, 1, false);
  EXPECT_EQ(result.state, SendState::kFailed);
  EXPECT_EQ(result.error, EPIPE);
}

TEST_F(Zerocopy, WhatTheCacheHasLostIsColdUntilItIsRead) {
  write(4'000'000);
  const FileRange all = range(0, 4'000'000);
  EXPECT_EQ(resident_bytes(all, 0, all.length), all.length);
  evict();
  if (resident_bytes(all, 0, all.length) != 0) GTEST_SKIP() << "this file system keeps pages that were given up";
  const SendResult cold = send_range(all, 0, all.length);
  EXPECT_EQ(cold.state, SendState::kCold);
  EXPECT_EQ(cold.sent, 0u);
  std::string piece(100'000, 0);
  EXPECT_EQ(read_range_cached(all, 5'000, piece.data(), piece.size()), 0u);
  size_t read = 0;
  ASSERT_TRUE(read_range(all, 5'000, piece.data(), piece.size(), &read).ok());
  EXPECT_EQ(piece.substr(0, read), bytes_.substr(5'000, 100'000));
  const uint64_t resident = resident_bytes(all, 5'000, all.length);
  EXPECT_GE(resident, 100'000u);
  EXPECT_EQ(resident_bytes(all, 3'999'000, 1'000), 0u) << "no more is read ahead than will soon be sent";
}

TEST_F(Zerocopy, PagesAreCountedUpToTheFirstColdOne) {
  write(1'000'000);
  evict();
  const FileRange all = range(0, 1'000'000);
  if (resident_bytes(all, 0, all.length) != 0) GTEST_SKIP() << "this file system keeps pages that were given up";
  // Without read-ahead, so that exactly these pages come in.
  ASSERT_EQ(posix_fadvise(file_->descriptor(), 0, 0, POSIX_FADV_RANDOM), 0);
  char piece[8192];
  size_t read = 0;
  ASSERT_TRUE(file_->pread(piece, sizeof piece, 0, &read).ok());
  EXPECT_EQ(resident_bytes(all, 0, all.length), 8192u);
  EXPECT_EQ(resident_bytes(range(100, 999'900), 0, all.length), 8092u);
}

TEST_F(Zerocopy, AFileCutBelowTheRangeReadsShort) {
  write(100'000);
  ASSERT_TRUE(file_->truncate(10'000).ok());
  const FileRange all = range(0, 100'000);
  std::string piece(100'000, 0);
  size_t read = 0;
  ASSERT_TRUE(read_range(all, 0, piece.data(), piece.size(), &read).ok());
  EXPECT_EQ(read, 10'000u);
  ASSERT_TRUE(read_range(all, 20'000, piece.data(), piece.size(), &read).ok());
  EXPECT_EQ(read, 0u);
}

TEST_F(Zerocopy, TheRangeHoldsTheFileOpen) {
  write(1'000);
  const FileRange all = range(0, 1'000);
  file_.reset();
  unlink(path_.c_str());
  EXPECT_EQ(send_range(all, 0, 1'000).sent, 1'000u);
  EXPECT_EQ(receive(1'000), bytes_);
}

}  // namespace
}  // namespace odradek::test
