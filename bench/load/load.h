// What the load generator's commands share: options, a clock, samples with percentiles, payloads, clients.
#ifndef ODRADEK_LOAD_H
#define ODRADEK_LOAD_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_CLIENT_SETTINGS 32

typedef struct {
  const char *bootstrap;
  const char *topic;
  const char *path;
  const char *payload; // "pattern" repeats one short text, "text" looks like JSON events
  int partitions;
  int size;
  int64_t messages;
  int64_t warm;
  int64_t bytes;
  int rate;
  int seconds;
  int batch;
  const char *client_names[MAX_CLIENT_SETTINGS];
  const char *client_values[MAX_CLIENT_SETTINGS];
  int client_settings;
} Options;

typedef struct {
  uint32_t *micros;
  size_t count;
  size_t capacity;
} Samples;

typedef struct {
  char *bytes;
  int size;
  int count;
} Payloads;

int command_produce(const Options *options);
int command_paced(const Options *options);
int command_consume(const Options *options);
int command_latency(const Options *options);
int command_disk(const Options *options);
int command_grouped(const Options *options);
int command_evict(const Options *options);
int command_recycle(const Options *options);
int command_sink(const Options *options);

// Prints to standard error and ends the process with exit code 1: a measurement with an error is none.
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

double now_seconds(void);
double cpu_seconds(void);

void samples_add(Samples *samples, double micros);
// Prints `"name":{"count":…,"mean":…,"p50":…,"p99":…,"p999":…,"max":…}`, all in milliseconds; sorts in place.
void samples_print(const char *name, Samples *samples);

Payloads payloads_create(const char *kind, int size);
static inline char *payload_at(const Payloads *payloads, int64_t index) {
  return payloads->bytes + (size_t)(index % payloads->count) * (size_t)payloads->size;
}

// A client with the bench's defaults, then the settings given by -X.
rd_kafka_t *client_create(rd_kafka_type_t type, const Options *options,
                          void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *), void *opaque);

// Calls the client's callbacks on a thread of its own as soon as they are due.
typedef struct Poller Poller;
Poller *poller_start(rd_kafka_t *client);
void poller_stop(Poller *poller);

#endif
