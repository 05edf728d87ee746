/* Loads that are a sequence of phases: idle connections, connecting, retained, offline queues. */
#include "load.h"

#include <stdio.h>

/* Brokers settle (garbage collection, timers) before their memory is read. */
#define SETTLE_SECONDS 2.0
#define PHASE_TIMEOUT_SECONDS 120.0

static void idle_for(double seconds) {
  for (uint64_t end = now_ns() + (uint64_t)(seconds * 1e9); now_ns() < end;) loop_turn(50, NULL);
}

/* Idle connections ---------------------------------------------------------------------------- */

void run_idle(void) {
  struct client *first = clients_make("first-", 50, true);
  clients_connect(first, 50, options.concurrency); /* what the broker loads lazily is loaded now */
  idle_for(SETTLE_SECONDS);
  struct sample before = take_sample();
  struct client *clients = clients_make("idle-", options.connections, true);
  clients_connect(clients, options.connections, options.concurrency);
  idle_for(SETTLE_SECONDS);
  struct sample after = take_sample();
  double growth = (double)after.broker_rss_bytes - (double)before.broker_rss_bytes;
  printf("{\"connections\":%u,\"rss_before_bytes\":%llu,\"bytes_per_connection\":%.1f,",
         options.connections, (unsigned long long)before.broker_rss_bytes,
         growth / options.connections);
  sample_print("", &before, &after);
  printf("}\n");
}

/* Connecting ---------------------------------------------------------------------------------- */

void run_connect(void) {
  /* As many again for a warm-up; what their end costs the broker is not measured. */
  struct client *warmup = clients_make("warm-", options.connections, true);
  clients_connect(warmup, options.connections, options.concurrency);
  clients_disconnect(warmup, options.connections);
  idle_for(SETTLE_SECONDS);
  struct client *clients = clients_make("connect-", options.connections, true);
  struct sample before = take_sample();
  clients_connect(clients, options.connections, options.concurrency);
  struct sample after = take_sample();
  printf("{\"connections\":%u,\"connections_per_second\":%.1f,", options.connections,
         options.connections / seconds_between(&before, &after));
  sample_print("", &before, &after);
  printf("}\n");
  clients_disconnect(clients, options.connections);
}

/* Filling a broker: one publisher, QoS 1, a full window, topics by number --------------------- */

static uint64_t fill_acknowledged;

static void on_fill_packet(struct client *client, const struct packet *packet) {
  if (packet->type != PUBACK) die("%s: packet of type %d", client->name, packet->type);
  fill_acknowledged++;
}

/* Message i goes to topic i modulo `topics`; its sequence number counts within the topic. */
static void fill(uint64_t messages, uint32_t topics, const char *prefix, bool retain) {
  struct client *client = clients_make("fill-", 1, true);
  client->on_packet = on_fill_packet;
  clients_connect(client, 1, 1);
  uint32_t window = options.window;
  if (client->receive_maximum < window) window = client->receive_maximum;
  uint64_t deadline = now_ns() + (uint64_t)(PHASE_TIMEOUT_SECONDS * 1e9);
  char topic[TOPIC_MAX];
  fill_acknowledged = 0;
  for (uint64_t sent = 0; fill_acknowledged < messages;) {
    while (sent < messages && sent - fill_acknowledged < window) {
      uint32_t number = (uint32_t)(sent % topics);
      size_t length = (size_t)snprintf(topic, sizeof topic, "%s/%u", prefix, number);
      client_publish(client, 1, retain, (uint16_t)(1 + sent % 65535), topic, length, number,
                     sent / topics, now_ns());
      sent++;
    }
    if (now_ns() > deadline) {
      die("fill: %llu of %llu acknowledged", (unsigned long long)fill_acknowledged,
          (unsigned long long)messages);
    }
    loop_turn(100, NULL);
  }
  clients_disconnect(client, 1);
}

/* Receiving with a check per topic; one stream per topic -------------------------------------- */

static struct stream *topic_streams;
static uint32_t topic_count;
static uint64_t received_count;

static void on_counted_packet(struct client *client, const struct packet *packet) {
  if (packet->type != PUBLISH) die("%s: packet of type %d", client->name, packet->type);
  struct stamp stamp = client_receive(client, packet);
  if (stamp.publisher >= topic_count) die("%s: unknown topic number", client->name);
  if (stream_accept(&topic_streams[stamp.publisher], stamp.sequence)) received_count++;
}

static void make_streams(uint32_t topics, uint32_t messages_per_topic) {
  streams_free(topic_streams);
  topic_count = topics;
  received_count = 0;
  topic_streams = streams_make(topics, (messages_per_topic + 7) / 8 * 8);
}

static uint64_t wanted;
static bool received_all(void) { return received_count >= wanted; }

/* Retained messages --------------------------------------------------------------------------- */

static void everything_filter(char *filter, uint32_t client, uint32_t number) {
  (void)client, (void)number;
  snprintf(filter, TOPIC_MAX, "#");
}

/* Several new subscribers, one after the other: the first one pays for what is made lazily. */
void run_retained(void) {
  struct sample fill_begin = take_sample();
  fill(options.messages, options.messages, "retained", true);
  struct sample fill_end = take_sample();
  struct client *clients = clients_make("reader-", options.rounds, true);
  printf("{\"messages\":%u,", options.messages);
  sample_print("fill_", &fill_begin, &fill_end);
  printf(",\"rounds\":[");
  for (uint32_t i = 0; i < options.rounds; i++) {
    clients[i].on_packet = on_counted_packet;
    clients_connect(&clients[i], 1, 1);
    idle_for(0.2); /* the broker finishes what it did before */
    make_streams(options.messages, 1);
    wanted = options.messages;
    struct sample begin = take_sample();
    clients_subscribe(&clients[i], 1, 1, 0, everything_filter);
    loop_until(received_all, "retained", PHASE_TIMEOUT_SECONDS);
    struct sample end = take_sample();
    double rate = options.messages / seconds_between(&begin, &end);
    printf("%s{\"per_second\":%.1f,", i ? "," : "", rate);
    sample_print("", &begin, &end);
    printf(",");
    streams_print(topic_streams, topic_count, wanted - received_count);
    printf("}");
    clients_disconnect(&clients[i], 1);
  }
  printf("]}\n");
}

/* Offline queues ------------------------------------------------------------------------------ */

static void offline_filter(char *filter, uint32_t client, uint32_t number) {
  (void)number;
  snprintf(filter, TOPIC_MAX, "offline/%u", client);
}

void run_offline(void) {
  uint64_t total = (uint64_t)options.sessions * options.messages;
  struct client *clients = clients_make("offline-", options.sessions, false);
  for (uint32_t i = 0; i < options.sessions; i++) clients[i].on_packet = on_counted_packet;
  clients_connect(clients, options.sessions, options.concurrency);
  clients_subscribe(clients, options.sessions, 1, 1, offline_filter);
  clients_disconnect(clients, options.sessions);
  idle_for(0.5);

  struct sample begin = take_sample();
  fill(total, options.sessions, "offline", false);
  struct sample filled = take_sample();
  idle_for(0.5);
  make_streams(options.sessions, options.messages);
  wanted = total;
  struct sample drain_begin = take_sample();
  clients_connect(clients, options.sessions, options.concurrency);
  loop_until(received_all, "drain", PHASE_TIMEOUT_SECONDS);
  struct sample drained = take_sample();
  idle_for(0.2);

  printf("{\"messages\":%llu,\"enqueue_per_second\":%.1f,\"drain_per_second\":%.1f,",
         (unsigned long long)total, (double)total / seconds_between(&begin, &filled),
         (double)total / seconds_between(&drain_begin, &drained));
  sample_print("enqueue_", &begin, &filled);
  printf(",");
  sample_print("drain_", &drain_begin, &drained);
  printf(",");
  streams_print(topic_streams, topic_count, total - received_count);
  printf("}\n");
  clients_disconnect(clients, options.sessions);
}
