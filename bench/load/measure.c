// Clocks, percentiles, payloads and clients.
#include "load.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  _Exit(1);
}

double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void samples_add(Samples *samples, double micros) {
  if (samples->count == samples->capacity) {
    samples->capacity = samples->capacity == 0 ? 65536 : samples->capacity * 2;
    samples->micros = realloc(samples->micros, samples->capacity * sizeof *samples->micros);
    if (samples->micros == NULL) die("out of memory");
  }
  samples->micros[samples->count++] = micros < 0 ? 0 : micros > UINT32_MAX ? UINT32_MAX : (uint32_t)micros;
}

static int ascending(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return (left > right) - (left < right);
}

static double percentile(const Samples *samples, double part) {
  if (samples->count == 0) return 0;
  size_t at = (size_t)(part * (double)samples->count);
  return samples->micros[at < samples->count ? at : samples->count - 1] / 1e3;
}

void samples_print(const char *name, Samples *samples) {
  double sum = 0;
  if (samples->count > 0) qsort(samples->micros, samples->count, sizeof *samples->micros, ascending);
  for (size_t i = 0; i < samples->count; i++) sum += samples->micros[i];
  printf("\"%s\":{\"count\":%zu,\"mean\":%.3f,\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}", name,
         samples->count, samples->count > 0 ? sum / (double)samples->count / 1e3 : 0, percentile(samples, 0.5),
         percentile(samples, 0.99), percentile(samples, 0.999), percentile(samples, 1));
}

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

// Events with a changing id, user, price and note: LZ4 makes about a half of a batch of them.
static void fill_text(char *bytes, size_t size) {
  static const char *const words[] = {"order", "created", "paid", "shipped", "customer", "returned", "warehouse",
                                      "invoice", "item", "express", "standard", "refund", "basket", "checkout"};
  uint32_t state = 7;
  size_t at = 0;
  while (at < size) {
    char event[256];
    int length = snprintf(event, sizeof event, "{\"id\":\"%06x%06x\",\"user\":%u,\"price\":%u.%02u,\"note\":\"%s %s %s %06x\"}\n",
                          next_random(&state), next_random(&state), next_random(&state) % 100000,
                          next_random(&state) % 500, next_random(&state) % 100, words[next_random(&state) % 14],
                          words[next_random(&state) % 14], words[next_random(&state) % 14], next_random(&state));
    size_t part = (size_t)length < size - at ? (size_t)length : size - at;
    memcpy(bytes + at, event, part);
    at += part;
  }
}

Payloads payloads_create(const char *kind, int size) {
  Payloads payloads = {.size = size, .count = strcmp(kind, "text") == 0 ? 256 : 1};
  size_t total = (size_t)size * (size_t)payloads.count;
  payloads.bytes = malloc(total);
  if (payloads.bytes == NULL) die("out of memory");
  if (strcmp(kind, "text") == 0) {
    fill_text(payloads.bytes, total);
  } else if (strcmp(kind, "pattern") == 0) {
    for (size_t i = 0; i < total; i++) payloads.bytes[i] = (char)('a' + i % 26);
  } else {
    die("--payload is pattern or text, not %s", kind);
  }
  return payloads;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char text[512];
  if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) die("%s", text);
}

rd_kafka_t *client_create(rd_kafka_type_t type, const Options *options,
                          void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *), void *opaque) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", options->bootstrap);
  set(conf, "socket.nagle.disable", "true");
  set(conf, "broker.address.family", "v4");
  if (type == RD_KAFKA_CONSUMER) {
    set(conf, "group.id", "bench-load");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
  }
  for (int i = 0; i < options->client_settings; i++) set(conf, options->client_names[i], options->client_values[i]);
  if (delivered != NULL) rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_conf_set_opaque(conf, opaque);
  char text[512];
  rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);
  if (client == NULL) die("%s", text);
  return client;
}

struct Poller {
  rd_kafka_t *client;
  pthread_t thread;
  atomic_bool stop;
};

static void *poll_until_stopped(void *argument) {
  Poller *poller = argument;
  while (!atomic_load(&poller->stop)) rd_kafka_poll(poller->client, 100);
  return NULL;
}

Poller *poller_start(rd_kafka_t *client) {
  Poller *poller = calloc(1, sizeof *poller);
  if (poller == NULL) die("out of memory");
  poller->client = client;
  if (pthread_create(&poller->thread, NULL, poll_until_stopped, poller) != 0) die("no thread");
  return poller;
}

void poller_stop(Poller *poller) {
  atomic_store(&poller->stop, true);
  pthread_join(poller->thread, NULL);
  free(poller);
}
