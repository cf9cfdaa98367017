// The load generator: one command per run, one line of JSON with the result on standard output.
#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "usage: load produce|paced|consume|latency|disk|grouped|evict|recycle|sink [options]\n"
    "  --bootstrap HOST:PORT  --topic NAME  --partitions N  --messages N  --warm N  --size BYTES\n"
    "  --payload pattern|text  --rate PER_SECOND  --seconds N  --batch MESSAGES  --path PATH  --bytes N\n"
    "  -X name=value          a setting of librdkafka, as often as needed\n";

enum { BOOTSTRAP = 1, TOPIC, PARTITIONS, MESSAGES, WARM, SIZE, PAYLOAD, RATE, SECONDS, BATCH, PATH, BYTES };

static const struct option FLAGS[] = {
    {"bootstrap", required_argument, NULL, BOOTSTRAP}, {"topic", required_argument, NULL, TOPIC},
    {"partitions", required_argument, NULL, PARTITIONS}, {"messages", required_argument, NULL, MESSAGES},
    {"warm", required_argument, NULL, WARM}, {"size", required_argument, NULL, SIZE},
    {"payload", required_argument, NULL, PAYLOAD}, {"rate", required_argument, NULL, RATE},
    {"seconds", required_argument, NULL, SECONDS}, {"batch", required_argument, NULL, BATCH},
    {"path", required_argument, NULL, PATH}, {"bytes", required_argument, NULL, BYTES},
    {NULL, 0, NULL, 0},
};

static const struct {
  const char *name;
  int (*run)(const Options *);
} COMMANDS[] = {
    {"produce", command_produce}, {"paced", command_paced}, {"consume", command_consume},
    {"latency", command_latency}, {"disk", command_disk},   {"evict", command_evict},
    {"grouped", command_grouped}, {"sink", command_sink},
    {"recycle", command_recycle},
};

static int64_t number(const char *text) {
  char *end;
  int64_t value = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || value < 0) die("not a number: %s", text);
  return value;
}

static void client_setting(Options *options, char *text) {
  char *equals = strchr(text, '=');
  if (equals == NULL) die("-X takes name=value, not %s", text);
  if (options->client_settings == MAX_CLIENT_SETTINGS) die("too many -X");
  *equals = '\0';
  options->client_names[options->client_settings] = text;
  options->client_values[options->client_settings++] = equals + 1;
}

int main(int argc, char **argv) {
  Options options = {.bootstrap = "127.0.0.1:9092",
                     .topic = "bench",
                     .payload = "text",
                     .partitions = 1,
                     .size = 1024,
                     .messages = 100000,
                     .rate = 1000,
                     .seconds = 10,
                     .batch = 1000,
                     .bytes = 1000000000};
  int flag;
  while ((flag = getopt_long(argc, argv, "X:", FLAGS, NULL)) != -1) {
    switch (flag) {
    case 'X': client_setting(&options, optarg); break;
    case BOOTSTRAP: options.bootstrap = optarg; break;
    case TOPIC: options.topic = optarg; break;
    case PARTITIONS: options.partitions = (int)number(optarg); break;
    case MESSAGES: options.messages = number(optarg); break;
    case WARM: options.warm = number(optarg); break;
    case SIZE: options.size = (int)number(optarg); break;
    case PAYLOAD: options.payload = optarg; break;
    case RATE: options.rate = (int)number(optarg); break;
    case SECONDS: options.seconds = (int)number(optarg); break;
    case BATCH: options.batch = (int)number(optarg); break;
    case PATH: options.path = optarg; break;
    case BYTES: options.bytes = number(optarg); break;
    default: fputs(USAGE, stderr); return 2;
    }
  }
  if (options.size < 1 || options.partitions < 1 || options.rate < 1 || options.batch < 1)
    die("--size, --partitions, --rate and --batch are at least 1");
  const char *command = optind < argc ? argv[optind] : "";
  for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
    if (strcmp(command, COMMANDS[i].name) == 0) return COMMANDS[i].run(&options);
  fputs(USAGE, stderr);
  return 2;
}
