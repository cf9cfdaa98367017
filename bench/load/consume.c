// Consuming from the first offset, with a check that offsets are dense; and end-to-end latency, one message at a time.
#include "load.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP 1000
#define PATIENCE_MS 30000

static void assign_all(rd_kafka_t *client, const Options *options, int64_t offset) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(options->partitions);
  for (int i = 0; i < options->partitions; i++)
    rd_kafka_topic_partition_list_add(list, options->topic, i)->offset = offset;
  rd_kafka_resp_err_t error = rd_kafka_assign(client, list);
  if (error) die("assign: %s", rd_kafka_err2str(error));
  rd_kafka_topic_partition_list_destroy(list);
}

int command_consume(const Options *options) {
  rd_kafka_t *client = client_create(RD_KAFKA_CONSUMER, options, NULL, NULL);
  int64_t *next = calloc((size_t)options->partitions, sizeof *next);
  if (next == NULL) die("out of memory");
  static rd_kafka_message_t *messages[STEP];
  double started = now_seconds(), cpu = cpu_seconds();
  assign_all(client, options, 0);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
  int64_t received = 0, bytes = 0;
  double first = 0;
  while (received < options->messages) {
    ssize_t count = rd_kafka_consume_batch_queue(queue, PATIENCE_MS, messages, STEP);
    if (count <= 0) die("nothing for %d ms after %lld messages", PATIENCE_MS, (long long)received);
    if (received == 0) first = now_seconds() - started;
    for (ssize_t i = 0; i < count; i++) {
      const rd_kafka_message_t *message = messages[i];
      if (message->err) die("consume: %s", rd_kafka_message_errstr(message));
      if (message->offset != next[message->partition])
        die("partition %d: offset %lld instead of %lld", message->partition, (long long)message->offset,
            (long long)next[message->partition]);
      next[message->partition]++;
      bytes += (int64_t)message->len;
      rd_kafka_message_destroy(messages[i]);
    }
    received += count;
  }
  double seconds = now_seconds() - started;
  cpu = cpu_seconds() - cpu;
  printf("{\"messages\":%lld,\"bytes\":%lld,\"seconds\":%.4f,\"mbPerSecond\":%.2f,\"cpuSeconds\":%.3f,\"firstMs\":%.2f}\n",
         (long long)received, (long long)bytes, seconds, (double)bytes / seconds / 1e6, cpu, first * 1e3);
  rd_kafka_queue_destroy(queue);
  // Without a close: leaving would wait for a group coordinator that the bench's sink does not have.
  fflush(stdout);
  _Exit(0);
}

typedef struct {
  _Atomic int64_t acked;
  int64_t measure_from;
  Samples latency;
} Acks;

static void acked(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client;
  Acks *acks = opaque;
  if (message->err) die("not delivered: %s", rd_kafka_err2str(message->err));
  if (atomic_fetch_add(&acks->acked, 1) >= acks->measure_from)
    samples_add(&acks->latency, (double)rd_kafka_message_latency(message));
}

int command_latency(const Options *options) {
  Acks acks = {.measure_from = options->warm};
  Options producing = *options, consuming = *options;
  consuming.client_settings = 0; // the -X settings (acks, linger.ms) are the producer's
  rd_kafka_t *consumer = client_create(RD_KAFKA_CONSUMER, &consuming, NULL, NULL);
  rd_kafka_t *producer = client_create(RD_KAFKA_PRODUCER, &producing, acked, &acks);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, options->topic, NULL);
  if (topic == NULL) die("topic: %s", rd_kafka_err2str(rd_kafka_last_error()));
  assign_all(consumer, options, 0);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
  Poller *poller = poller_start(producer);
  char *payload = payloads_create(options->payload, options->size).bytes;
  Samples latency = {0};
  for (int64_t i = 0; i < options->warm + options->messages; i++) {
    double sent = now_seconds();
    if (rd_kafka_produce(topic, 0, 0, payload, (size_t)options->size, NULL, 0, NULL) != 0)
      die("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_message_t *message = rd_kafka_consume_queue(queue, PATIENCE_MS);
    double received = now_seconds();
    if (message == NULL) die("message %lld did not arrive", (long long)i);
    if (message->err) die("consume: %s", rd_kafka_message_errstr(message));
    if (message->offset != i) die("offset %lld instead of %lld", (long long)message->offset, (long long)i);
    rd_kafka_message_destroy(message);
    if (i >= options->warm) samples_add(&latency, (received - sent) * 1e6);
  }
  rd_kafka_resp_err_t error = rd_kafka_flush(producer, PATIENCE_MS);
  if (error) die("flush: %s", rd_kafka_err2str(error));
  poller_stop(poller);
  printf("{");
  samples_print("endToEnd", &latency);
  printf(",");
  samples_print("ack", &acks.latency);
  puts("}");
  fflush(stdout);
  _Exit(0);
}
