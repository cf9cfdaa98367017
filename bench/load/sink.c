// A broker that keeps nothing: acknowledges every produce at once and answers every fetch with the same batch from
// memory. What a client reaches against it is the client's own limit. One thread per connection; answers the
// versions that it announces and no others.
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PRODUCE = 0, FETCH = 1, METADATA = 3, FIND_COORDINATOR = 10, API_VERSIONS = 18, INIT_PRODUCER_ID = 22 };
enum { UNSUPPORTED_VERSION = 35 };

// Clients look for old versions before they switch features on: FindCoordinator 0 and Produce 0 are for them.
static const int16_t SERVED[][3] = {{PRODUCE, 0, 7},          {FETCH, 0, 4},        {METADATA, 0, 4},
                                    {FIND_COORDINATOR, 0, 0}, {API_VERSIONS, 0, 0}, {INIT_PRODUCER_ID, 0, 1}};
#define SERVED_COUNT ((int)(sizeof SERVED / sizeof *SERVED))

static int port, partitions, batch_messages;
static char *batch;
static size_t batch_size;

typedef struct {
  const uint8_t *at, *end;
} Reader;

typedef struct {
  uint8_t *bytes;
  size_t size, capacity;
} Writer;

static uint64_t get(Reader *reader, int size) {
  if (reader->end - reader->at < size) die("sink: frame too short");
  uint64_t value = 0;
  for (int i = 0; i < size; i++) value = value << 8 | *reader->at++;
  return value;
}

static Reader get_bytes(Reader *reader, int64_t size) {
  if (size < 0) size = 0;
  if (reader->end - reader->at < size) die("sink: frame too short");
  Reader part = {reader->at, reader->at + size};
  reader->at += size;
  return part;
}

static Reader get_string(Reader *reader) { return get_bytes(reader, (int16_t)get(reader, 2)); }

static void put_bytes(Writer *writer, const void *bytes, size_t size) {
  if (writer->size + size > writer->capacity) {
    writer->capacity = (writer->size + size) * 2;
    writer->bytes = realloc(writer->bytes, writer->capacity);
    if (writer->bytes == NULL) die("out of memory");
  }
  if (size > 0) memcpy(writer->bytes + writer->size, bytes, size);
  writer->size += size;
}

static void put(Writer *writer, int size, int64_t value) {
  uint8_t bytes[8];
  for (int i = 0; i < size; i++) bytes[i] = (uint8_t)((uint64_t)value >> (8 * (size - 1 - i)));
  put_bytes(writer, bytes, (size_t)size);
}

static void put_string(Writer *writer, Reader text) {
  put(writer, 2, text.end - text.at);
  put_bytes(writer, text.at, (size_t)(text.end - text.at));
}

static Reader text(const char *value) {
  return (Reader){(const uint8_t *)value, (const uint8_t *)value + strlen(value)};
}

static void api_versions(Writer *out, int version) {
  put(out, 2, version == 0 ? 0 : UNSUPPORTED_VERSION);
  put(out, 4, SERVED_COUNT);
  for (int i = 0; i < SERVED_COUNT; i++)
    for (int j = 0; j < 3; j++) put(out, 2, SERVED[i][j]);
}

static void metadata(Reader *in, Writer *out, int version) {
  if (version >= 3) put(out, 4, 0);
  put(out, 4, 1);
  put(out, 4, 1);
  put_string(out, text("127.0.0.1"));
  put(out, 4, port);
  if (version >= 1) put(out, 2, -1); // rack
  if (version >= 2) put_string(out, text("sink"));
  if (version >= 1) put(out, 4, 1); // controller
  int32_t topics = (int32_t)get(in, 4);
  put(out, 4, topics < 0 ? 0 : topics);
  for (int32_t i = 0; i < topics; i++) {
    put(out, 2, 0);
    put_string(out, get_string(in));
    if (version >= 1) put(out, 1, 0);
    put(out, 4, partitions);
    for (int32_t partition = 0; partition < partitions; partition++) {
      put(out, 2, 0);
      put(out, 4, partition);
      put(out, 4, 1);
      for (int list = 0; list < 2; list++) { // replicas, isr
        put(out, 4, 1);
        put(out, 4, 1);
      }
    }
  }
}

static bool produce(Reader *in, Writer *out, int version) {
  static _Atomic int64_t offset; // one counter for all partitions: only its rising matters
  if (version >= 3) get_string(in);
  bool answer = get(in, 2) != 0;
  get(in, 4);
  int32_t topics = (int32_t)get(in, 4);
  put(out, 4, topics);
  for (int32_t i = 0; i < topics; i++) {
    put_string(out, get_string(in));
    int32_t count = (int32_t)get(in, 4);
    put(out, 4, count);
    for (int32_t j = 0; j < count; j++) {
      put(out, 4, (int64_t)get(in, 4));
      Reader records = get_bytes(in, (int32_t)get(in, 4));
      // lastOffsetDelta stands at byte 23 of a batch.
      Reader delta = {records.at + 23, records.end};
      int64_t messages = records.end - records.at > 27 ? (int64_t)get(&delta, 4) + 1 : 0;
      put(out, 2, 0);
      put(out, 8, offset);
      offset += messages;
      if (version >= 2) put(out, 8, -1);
      if (version >= 5) put(out, 8, 0);
    }
  }
  if (version >= 1) put(out, 4, 0);
  return answer;
}

static void fetch(Reader *in, Writer *out, int version) {
  if (version != 4) die("sink: fetch version %d", version);
  get(in, 4);
  get(in, 4);
  get(in, 4);
  get(in, 4);
  get(in, 1);
  put(out, 4, 0);
  int32_t topics = (int32_t)get(in, 4);
  put(out, 4, topics);
  for (int32_t i = 0; i < topics; i++) {
    put_string(out, get_string(in));
    int32_t count = (int32_t)get(in, 4);
    put(out, 4, count);
    for (int32_t j = 0; j < count; j++) {
      put(out, 4, (int64_t)get(in, 4));
      int64_t offset = (int64_t)get(in, 8);
      get(in, 4);
      put(out, 2, 0);
      put(out, 8, INT64_MAX / 2); // high watermark: there is always more
      put(out, 8, INT64_MAX / 2);
      put(out, 4, -1);
      put(out, 4, (int64_t)batch_size);
      put(out, 8, offset - offset % batch_messages);
      put_bytes(out, batch + 8, batch_size - 8);
    }
  }
}

static void put_varint(Writer *writer, int64_t value) {
  uint64_t zigzag = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
  for (; zigzag > 127; zigzag >>= 7) put(writer, 1, (int64_t)(zigzag & 127) | 128);
  put(writer, 1, (int64_t)zigzag);
}

// One batch (magic 2) without a checksum: clients do not check it unless told to.
static void batch_create(const Options *options) {
  Payloads payloads = payloads_create(options->payload, options->size);
  Writer records = {0}, all = {0};
  for (int i = 0; i < options->batch; i++) {
    Writer record = {0};
    put(&record, 1, 0);
    put_varint(&record, 0);
    put_varint(&record, i);
    put_varint(&record, -1);
    put_varint(&record, options->size);
    put_bytes(&record, payload_at(&payloads, i), (size_t)options->size);
    put_varint(&record, 0);
    put_varint(&records, (int64_t)record.size);
    put_bytes(&records, record.bytes, record.size);
    free(record.bytes);
  }
  put(&all, 8, 0);
  put(&all, 4, 49 + (int64_t)records.size);
  put(&all, 4, 0);
  put(&all, 1, 2);
  put(&all, 4, 0);
  put(&all, 2, 0);
  put(&all, 4, options->batch - 1);
  put(&all, 8, 1);
  put(&all, 8, 1);
  put(&all, 8, -1);
  put(&all, 2, -1);
  put(&all, 4, -1);
  put(&all, 4, options->batch);
  put_bytes(&all, records.bytes, records.size);
  batch = (char *)all.bytes;
  batch_size = all.size;
  batch_messages = options->batch;
}

static bool receive(int fd, uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t got = recv(fd, bytes, size, 0);
    if (got <= 0) return false;
    bytes += got;
    size -= (size_t)got;
  }
  return true;
}

static bool answer(int fd, Reader in, Writer *out) {
  out->size = 0;
  int api = (int)get(&in, 2), version = (int)get(&in, 2);
  put(out, 4, 0); // the length, when it is known
  put(out, 4, (int64_t)get(&in, 4));
  get_string(&in);
  bool wanted = true;
  switch (api) {
  case API_VERSIONS: api_versions(out, version); break;
  case METADATA: metadata(&in, out, version); break;
  case PRODUCE: wanted = produce(&in, out, version); break;
  case FETCH: fetch(&in, out, version); break;
  case INIT_PRODUCER_ID:
    put(out, 4, 0);
    put(out, 2, 0);
    put(out, 8, 1000);
    put(out, 2, 0);
    break;
  case FIND_COORDINATOR:
    put(out, 2, 0);
    put(out, 4, 1);
    put_string(out, text("127.0.0.1"));
    put(out, 4, port);
    break;
  default: die("sink: API %d", api);
  }
  if (!wanted) return true;
  uint32_t length = htonl((uint32_t)(out->size - 4));
  memcpy(out->bytes, &length, 4);
  for (size_t sent = 0; sent < out->size;) {
    ssize_t part = send(fd, out->bytes + sent, out->size - sent, MSG_NOSIGNAL);
    if (part < 0) return false;
    sent += (size_t)part;
  }
  return true;
}

static void *serve(void *argument) {
  int fd = (int)(intptr_t)argument, on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Writer out = {0};
  uint8_t *frame = NULL;
  size_t capacity = 0;
  uint8_t head[4];
  while (receive(fd, head, 4)) {
    Reader reader = {head, head + 4};
    size_t size = (size_t)get(&reader, 4);
    if (size > capacity) {
      frame = realloc(frame, capacity = size * 2);
      if (frame == NULL) die("out of memory");
    }
    if (!receive(fd, frame, size) || !answer(fd, (Reader){frame, frame + size}, &out)) break;
  }
  close(fd);
  free(frame);
  free(out.bytes);
  return NULL;
}

int command_sink(const Options *options) {
  partitions = options->partitions;
  batch_create(options);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) != 0)
    die("sink: %s", strerror(errno));
  port = ntohs(address.sin_port);
  printf("READY 127.0.0.1:%d\n", port);
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) die("sink: accept: %s", strerror(errno));
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0) die("no thread");
    pthread_detach(thread);
  }
}
