// Producing: as fast as the client can ("produce"), or at a fixed rate with the time to each ack ("paced").
#include "load.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Every 16th ack is enough for percentiles, and costs the generator nothing that shows.
#define LATENCY_EVERY 16
#define QUEUED_MESSAGES_KB "131072"

typedef struct {
  _Atomic int64_t acked;
  int64_t measure_from;
  int64_t sample_every;
  Samples latency;
} Delivery;

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client;
  Delivery *delivery = opaque;
  if (message->err) die("not delivered: %s", rd_kafka_err2str(message->err));
  int64_t acked = atomic_fetch_add_explicit(&delivery->acked, 1, memory_order_relaxed);
  if (acked >= delivery->measure_from && acked % delivery->sample_every == 0)
    samples_add(&delivery->latency, (double)rd_kafka_message_latency(message));
}

static rd_kafka_topic_t *topic_of(rd_kafka_t *client, const Options *options) {
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, options->topic, NULL);
  if (topic == NULL) die("topic: %s", rd_kafka_err2str(rd_kafka_last_error()));
  return topic;
}

static void flush(rd_kafka_t *client) {
  rd_kafka_resp_err_t error = rd_kafka_flush(client, 120000);
  if (error) die("flush: %s", rd_kafka_err2str(error));
}

static void produce_to_one(rd_kafka_t *client, rd_kafka_topic_t *topic, const Payloads *payloads, int64_t messages) {
  enum { STEP = 1000 };
  static rd_kafka_message_t step[STEP];
  int64_t sent = 0;
  while (sent < messages) {
    int count = messages - sent < STEP ? (int)(messages - sent) : STEP;
    memset(step, 0, sizeof *step * (size_t)count);
    for (int i = 0; i < count; i++) {
      step[i].payload = payload_at(payloads, sent + i);
      step[i].len = (size_t)payloads->size;
    }
    int first = 0;
    while (first < count) {
      first += rd_kafka_produce_batch(topic, 0, 0, step + first, count - first);
      if (first < count && step[first].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        die("produce: %s", rd_kafka_err2str(step[first].err));
      // A full queue waits for acks; otherwise they are only collected.
      rd_kafka_poll(client, first < count ? 100 : 0);
    }
    sent += count;
  }
}

static void produce_to_many(rd_kafka_t *client, rd_kafka_topic_t *topic, const Payloads *payloads, int64_t messages,
                            int partitions) {
  for (int64_t sent = 0; sent < messages; sent++) {
    while (rd_kafka_produce(topic, (int32_t)(sent % partitions), 0, payload_at(payloads, sent),
                            (size_t)payloads->size, NULL, 0, NULL) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        die("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(client, 100);
    }
    if (sent % 1000 == 0) rd_kafka_poll(client, 0);
  }
}

static void produce(rd_kafka_t *client, rd_kafka_topic_t *topic, const Payloads *payloads, const Options *options,
                    int64_t messages) {
  if (options->partitions == 1) {
    produce_to_one(client, topic, payloads, messages);
  } else {
    produce_to_many(client, topic, payloads, messages, options->partitions);
  }
  flush(client);
}

int command_produce(const Options *given) {
  Options options = *given;
  if (options.client_settings + 2 > MAX_CLIENT_SETTINGS) die("too many -X");
  options.client_names[options.client_settings] = "queue.buffering.max.kbytes";
  options.client_values[options.client_settings++] = QUEUED_MESSAGES_KB;
  options.client_names[options.client_settings] = "queue.buffering.max.messages";
  options.client_values[options.client_settings++] = options.size < 512 ? "500000" : "100000";
  Payloads payloads = payloads_create(options.payload, options.size);
  Delivery delivery = {.measure_from = options.warm, .sample_every = LATENCY_EVERY};
  rd_kafka_t *client = client_create(RD_KAFKA_PRODUCER, &options, delivered, &delivery);
  rd_kafka_topic_t *topic = topic_of(client, &options);
  if (options.warm > 0) produce(client, topic, &payloads, &options, options.warm);
  double started = now_seconds(), cpu = cpu_seconds();
  produce(client, topic, &payloads, &options, options.messages);
  double seconds = now_seconds() - started;
  cpu = cpu_seconds() - cpu;
  int64_t bytes = options.messages * options.size;
  int64_t acked = atomic_load(&delivery.acked) - options.warm;
  if (acked != options.messages) die("%lld of %lld acked", (long long)acked, (long long)options.messages);
  printf("{\"messages\":%lld,\"bytes\":%lld,\"seconds\":%.4f,\"mbPerSecond\":%.2f,\"cpuSeconds\":%.3f,",
         (long long)options.messages, (long long)bytes, seconds, (double)bytes / seconds / 1e6, cpu);
  samples_print("ack", &delivery.latency);
  puts("}");
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return 0;
}

static volatile sig_atomic_t stopped;
static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

int command_paced(const Options *options) {
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  Payloads payloads = payloads_create(options->payload, options->size);
  Delivery delivery = {.measure_from = options->warm, .sample_every = 1};
  rd_kafka_t *client = client_create(RD_KAFKA_PRODUCER, options, delivered, &delivery);
  rd_kafka_topic_t *topic = topic_of(client, options);
  Poller *poller = poller_start(client);
  double started = now_seconds();
  int64_t sent = 0;
  while (!stopped && now_seconds() - started < options->seconds) {
    double due = started + (double)sent / options->rate;
    double wait = due - now_seconds();
    if (wait > 0) {
      struct timespec pause = {.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9)};
      nanosleep(&pause, NULL);
    }
    if (rd_kafka_produce(topic, (int32_t)(sent % options->partitions), 0, payload_at(&payloads, sent),
                         (size_t)payloads.size, NULL, 0, NULL) != 0)
      die("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
    sent++;
  }
  flush(client);
  poller_stop(poller);
  printf("{\"messages\":%lld,", (long long)sent);
  samples_print("ack", &delivery.latency);
  puts("}");
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return 0;
}
