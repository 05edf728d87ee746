/* Loads an MQTT broker from one thread and prints what it measured as one JSON object. */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct options options = {
    .mode = "traffic", .publishers = 1, .subscribers = 1, .window = 100, .unreceived = 1000,
    .burst = 1, .tick_us = 1000, .warmup_seconds = 1, .seconds = 3, .payload = 64, .filters = 1,
    .connections = 1000, .concurrency = 64, .sessions = 100, .messages = 1000, .rounds = 1,
};

/* Pieces that the kinds of load share --------------------------------------------------------- */

struct client *clients_make(const char *prefix, uint32_t count, bool clean) {
  struct client *clients = calloc(count ? count : 1, sizeof *clients);
  if (!clients) die("out of memory");
  for (uint32_t i = 0; i < count; i++) {
    snprintf(clients[i].name, sizeof clients[i].name, "%s%u", prefix, i);
    clients[i].clean = clean;
    clients[i].fd = -1;
  }
  return clients;
}

static void send_subscribe(struct client *client, uint32_t number, uint32_t from, uint32_t to,
                           int qos, filter_writer write_filter) {
  uint8_t list[FILTERS_PER_SUBSCRIBE * (TOPIC_MAX + 3)];
  size_t size = 0;
  char filter[TOPIC_MAX];
  for (uint32_t i = from; i < to; i++) {
    write_filter(filter, number, i);
    size += mqtt_put_filter(list + size, filter, strlen(filter), qos);
  }
  uint16_t identifier = (uint16_t)(1 + from / FILTERS_PER_SUBSCRIBE % 65000);
  uint8_t *out = client_reserve(client, size + 16);
  client_wrote(client, mqtt_write_subscribe(out, target.version, identifier, list, size));
}

void clients_subscribe(struct client *clients, uint32_t count, uint32_t per_client, int qos,
                       filter_writer write_filter) {
  uint32_t *sent = calloc(count ? count : 1, sizeof *sent); /* SUBSCRIBE packets per client */
  uint32_t packets = (per_client + FILTERS_PER_SUBSCRIBE - 1) / FILTERS_PER_SUBSCRIBE;
  uint64_t deadline = now_ns() + 120000000000ull;
  if (!sent) die("out of memory");
  for (uint32_t i = 0; i < count; i++) clients[i].subacks = 0;
  for (bool done = false; !done;) {
    done = true;
    for (uint32_t i = 0; i < count; i++) {
      if (clients[i].subacks < packets) done = false;
      if (sent[i] == packets || sent[i] > clients[i].subacks) continue;
      uint32_t from = sent[i]++ * FILTERS_PER_SUBSCRIBE;
      uint32_t left = per_client - from;
      uint32_t to = from + (left < FILTERS_PER_SUBSCRIBE ? left : FILTERS_PER_SUBSCRIBE);
      send_subscribe(&clients[i], i, from, to, qos, write_filter);
    }
    if (now_ns() > deadline) die("subscribe: not finished after 120 s");
    if (!done) loop_turn(100, NULL);
  }
  free(sent);
}

void client_publish(struct client *client, int qos, bool retain, uint16_t identifier,
                    const char *topic, size_t topic_length, uint32_t publisher, uint64_t sequence,
                    uint64_t stamp_ns) {
  static uint8_t payload[65536]; /* zeros behind the stamp */
  struct stamp stamp = {STAMP_MAGIC, publisher, sequence, stamp_ns};
  memcpy(payload, &stamp, sizeof stamp);
  uint8_t *out = client_reserve(client, PUBLISH_OVERHEAD_MAX + topic_length + options.payload);
  client_wrote(client, mqtt_write_publish(out, target.version, qos, retain, identifier, topic,
                                          topic_length, payload, options.payload));
}

struct stamp client_receive(struct client *client, const struct packet *packet) {
  struct publish publish;
  struct stamp stamp;
  if (!mqtt_read_publish(packet, target.version, &publish) ||
      publish.payload_length != options.payload) {
    die("%s: a PUBLISH of another size than was sent", client->name);
  }
  memcpy(&stamp, publish.payload, sizeof stamp);
  if (stamp.magic != STAMP_MAGIC) die("%s: a payload that was not sent", client->name);
  if (publish.qos == 1) client_ack(client, PUBACK, publish.packet_identifier);
  if (publish.qos == 2) client_ack(client, PUBREC, publish.packet_identifier);
  return stamp;
}

/* Command line -------------------------------------------------------------------------------- */

static uint32_t u32(const char *text) {
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (*end || value > 0xffffffff) die("not a number: %s", text);
  return (uint32_t)value;
}

static enum topology topology_of(const char *text) {
  if (!strcmp(text, "pairs")) return PAIRS;
  if (!strcmp(text, "fanout")) return FANOUT;
  if (!strcmp(text, "fanin")) return FANIN;
  die("topology is pairs, fanout or fanin, not %s", text);
}

enum {
  HOST = 1, PORT, PID, PROTOCOL, MODE, TOPOLOGY, QOS, RATE, WARMUP, SECONDS, PERSISTENT, PAUSE,
  SUBSCRIBER_PORT,
  NUMBER, /* one of the plain counts */
};

static const struct option long_options[] = {
    {"host", required_argument, 0, HOST},           {"port", required_argument, 0, PORT},
    {"pid", required_argument, 0, PID},             {"protocol", required_argument, 0, PROTOCOL},
    {"mode", required_argument, 0, MODE},           {"topology", required_argument, 0, TOPOLOGY},
    {"qos", required_argument, 0, QOS},             {"rate", required_argument, 0, RATE},
    {"warmup", required_argument, 0, WARMUP},       {"seconds", required_argument, 0, SECONDS},
    {"persistent", no_argument, 0, PERSISTENT},     {"publishers", required_argument, 0, NUMBER},
    {"subscribers", required_argument, 0, NUMBER},  {"window", required_argument, 0, NUMBER},
    {"unreceived", required_argument, 0, NUMBER},   {"burst", required_argument, 0, NUMBER},
    {"payload", required_argument, 0, NUMBER},      {"filters", required_argument, 0, NUMBER},
    {"unrelated", required_argument, 0, NUMBER},    {"idle", required_argument, 0, NUMBER},
    {"connections", required_argument, 0, NUMBER},  {"concurrency", required_argument, 0, NUMBER},
    {"sessions", required_argument, 0, NUMBER},     {"messages", required_argument, 0, NUMBER},
    {"rounds", required_argument, 0, NUMBER},       {"pause-us", required_argument, 0, PAUSE},
    {"tick-us", required_argument, 0, NUMBER},
    {"subscriber-port", required_argument, 0, SUBSCRIBER_PORT},
    {0, 0, 0, 0},
};

/* The options that are plain counts, by name. */
static uint32_t *count_named(const char *name) {
  const struct { const char *name; uint32_t *value; } counts[] = {
      {"publishers", &options.publishers},   {"subscribers", &options.subscribers},
      {"window", &options.window},           {"unreceived", &options.unreceived},
      {"burst", &options.burst},             {"payload", &options.payload},
      {"filters", &options.filters},         {"unrelated", &options.unrelated},
      {"idle", &options.idle},               {"connections", &options.connections},
      {"concurrency", &options.concurrency}, {"sessions", &options.sessions},
      {"messages", &options.messages},       {"rounds", &options.rounds},
      {"tick-us", &options.tick_us},
  };
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    if (!strcmp(counts[i].name, name)) return counts[i].value;
  }
  die("no option --%s", name);
}

static void read_options(int argc, char **argv) {
  int code, index;
  while ((code = getopt_long(argc, argv, "", long_options, &index)) != -1) {
    switch (code) {
      case HOST: target.host = optarg; break;
      case PORT: target.port = (int)u32(optarg); break;
      case PID:
        if (broker_count == BROKERS_MAX) die("--pid at most %d times", BROKERS_MAX);
        broker_pids[broker_count++] = (int)u32(optarg);
        break;
      case SUBSCRIBER_PORT: target.subscriber_port = (int)u32(optarg); break;
      case PROTOCOL: target.version = (int)u32(optarg); break;
      case MODE: options.mode = optarg; break;
      case TOPOLOGY: options.topology = topology_of(optarg); break;
      case QOS: options.qos = (int)u32(optarg); break;
      case RATE: options.rate = atof(optarg); break;
      case WARMUP: options.warmup_seconds = atof(optarg); break;
      case SECONDS: options.seconds = atof(optarg); break;
      case PERSISTENT: options.persistent = true; break;
      case PAUSE: options.pause_us = u32(optarg); break;
      case NUMBER: *count_named(long_options[index].name) = u32(optarg); break;
      default: exit(2);
    }
  }
}

static void check_options(void) {
  if (!target.port) die("--port is missing");
  if (target.version != 4 && target.version != 5) die("--protocol is 4 (MQTT 3.1.1) or 5");
  if (options.qos < 0 || options.qos > 2) die("--qos is 0, 1 or 2");
  if (!options.publishers || !options.subscribers) die("there is no load without clients");
  if (!options.tick_us) die("--tick-us is at least 1");
  if (!options.window || options.window > 60000) die("--window is 1 to 60000");
  if (options.payload < PAYLOAD_MIN || options.payload > 65536) {
    die("--payload is %u to 65536", PAYLOAD_MIN);
  }
  if (options.topology == PAIRS && options.publishers != options.subscribers) {
    die("pairs want as many publishers as subscribers");
  }
  if (options.topology == FANOUT && options.publishers != 1) die("fan-out has one publisher");
  if (options.topology == FANIN && options.subscribers != 1) die("fan-in has one subscriber");
}

/* A client is a file: ask for as many as the hard limit gives. */
static void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*run)(void); } modes[] = {
      {"traffic", run_traffic}, {"idle", run_idle},       {"connect", run_connect},
      {"retained", run_retained}, {"offline", run_offline},
  };
  target = (struct target){.host = "127.0.0.1", .version = 4};
  read_options(argc, argv);
  check_options();
  raise_file_limit();
  loop_open();
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    if (strcmp(modes[i].name, options.mode)) continue;
    modes[i].run();
    return 0;
  }
  die("--mode is traffic, idle, connect, retained or offline, not %s", options.mode);
}
