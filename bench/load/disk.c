// The disk on its own: how fast it takes sequential writes with fdatasync ("disk", "grouped"),
// making the page cache lose a folder's files ("evict"), and filling memory with page cache ("recycle").
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define PIECE (1 << 20)
#define SMALL_WRITES 300

static char *piece_create(void) {
  char *piece;
  if (posix_memalign((void **)&piece, 4096, PIECE) != 0) die("out of memory");
  for (size_t i = 0; i < PIECE; i++) piece[i] = (char)(i * 2654435761u >> 13);
  return piece;
}

static void write_at(int fd, const char *bytes, size_t size, off_t at) {
  ssize_t written = pwrite(fd, bytes, size, at);
  if (written != (ssize_t)size) die("write: %s", written < 0 ? strerror(errno) : "short");
}

static void sync_data(int fd) {
  if (fdatasync(fd) != 0) die("fdatasync: %s", strerror(errno));
}

static int open_new(const char *path) {
  int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) die("%s: %s", path, strerror(errno));
  return fd;
}

typedef struct {
  int fd;
  atomic_bool done;
} Flusher;

static void *flush_until_done(void *argument) {
  Flusher *flusher = argument;
  while (!atomic_load(&flusher->done)) sync_data(flusher->fd);
  return NULL;
}

static double megabytes_per_second(int64_t bytes, double seconds) { return (double)bytes / seconds / 1e6; }

// A writer and a thread that flushes without a pause: group commit at its best.
static double grouped_speed(const char *path, const char *piece, int64_t pieces) {
  int fd = open_new(path);
  Flusher flusher = {.fd = fd};
  pthread_t thread;
  double started = now_seconds();
  if (pthread_create(&thread, NULL, flush_until_done, &flusher) != 0) die("no thread");
  for (int64_t i = 0; i < pieces; i++) write_at(fd, piece, PIECE, i * PIECE);
  atomic_store(&flusher.done, true);
  pthread_join(thread, NULL);
  sync_data(fd);
  double speed = megabytes_per_second(pieces * PIECE, now_seconds() - started);
  close(fd);
  unlink(path);
  return speed;
}

int command_grouped(const Options *options) {
  int64_t pieces = options->bytes / PIECE;
  if (options->path == NULL || pieces < 1) die("grouped needs --path, and --bytes of at least %d", PIECE);
  printf("{\"mbPerSecond\":%.1f}\n", grouped_speed(options->path, piece_create(), pieces));
  return 0;
}

int command_disk(const Options *options) {
  if (options->path == NULL) die("disk needs --path");
  char *piece = piece_create();
  int64_t pieces = options->bytes / PIECE;
  if (pieces < 1) die("--bytes is at least %d", PIECE);

  // One writer that syncs at the end: what the disk takes when nothing waits for it.
  int fd = open_new(options->path);
  double started = now_seconds();
  for (int64_t i = 0; i < pieces; i++) write_at(fd, piece, PIECE, i * PIECE);
  sync_data(fd);
  double once = megabytes_per_second(pieces * PIECE, now_seconds() - started);
  close(fd);

  double grouped = grouped_speed(options->path, piece, pieces);

  // A durable append of 4 KB at a time, as an idle broker with acks=all makes.
  fd = open_new(options->path);
  Samples small = {0};
  for (int i = 0; i < SMALL_WRITES; i++) {
    double at = now_seconds();
    write_at(fd, piece, 4096, (off_t)i * 4096);
    sync_data(fd);
    samples_add(&small, (now_seconds() - at) * 1e6);
  }
  close(fd);
  unlink(options->path);
  printf("{\"bytes\":%lld,\"syncOnceMbPerSecond\":%.1f,\"groupedMbPerSecond\":%.1f,", (long long)(pieces * PIECE), once,
         grouped);
  samples_print("sync4k", &small);
  puts("}");
  return 0;
}

static int64_t total_bytes, resident_bytes;

static int evict_file(const char *path, const struct stat *status, int kind, struct FTW *walk) {
  (void)walk;
  if (kind != FTW_F || status->st_size == 0) return 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0; // deleted meanwhile
  if (fdatasync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) die("%s: not evicted", path);
  size_t size = (size_t)status->st_size, pages = (size + 4095) / 4096;
  void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  unsigned char *resident = malloc(pages);
  if (map == MAP_FAILED || resident == NULL || mincore(map, size, resident) != 0) die("%s: mincore failed", path);
  for (size_t i = 0; i < pages; i++) resident_bytes += (resident[i] & 1) * 4096;
  total_bytes += (int64_t)size;
  munmap(map, size);
  free(resident);
  close(fd);
  return 0;
}

int command_evict(const Options *options) {
  if (options->path == NULL) die("evict needs --path");
  if (nftw(options->path, evict_file, 16, FTW_PHYS) != 0) die("%s: %s", options->path, strerror(errno));
  printf("{\"bytes\":%lld,\"residentBytes\":%lld}\n", (long long)total_bytes, (long long)resident_bytes);
  return 0;
}

static int64_t free_bytes(void) {
  struct sysinfo info;
  if (sysinfo(&info) != 0) die("sysinfo: %s", strerror(errno));
  return (int64_t)info.freeram * info.mem_unit;
}

// A virtual machine that gives free pages back to its host pays for each when it uses it again, several times what
// writing to it costs. With the page cache full of clean pages, as on a server that has run for a while, new pages
// are recycled ones.
int command_recycle(const Options *options) {
  if (options->path == NULL) die("recycle needs --path");
  int fd = open(options->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  struct sysinfo info;
  if (fd < 0 || sysinfo(&info) != 0) die("%s: %s", options->path, strerror(errno));
  // Holes only: takes page cache and no disk.
  off_t size = (off_t)info.totalram * info.mem_unit;
  if (ftruncate(fd, size) != 0) die("%s: %s", options->path, strerror(errno));
  int64_t before = free_bytes();
  for (off_t at = 0; at < size && free_bytes() > options->bytes; at += 8 * PIECE)
    posix_fadvise(fd, at, 8 * PIECE, POSIX_FADV_WILLNEED);
  close(fd);
  printf("{\"freeBefore\":%lld,\"freeBytes\":%lld}\n", (long long)before, (long long)free_bytes());
  return 0;
}
