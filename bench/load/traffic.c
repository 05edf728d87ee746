/* Publishers and subscribers: as fast as a closed loop goes, or paced. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A publisher whose output is this full waits for its socket. */
#define BACKLOG_MAX (256 * 1024)
/* Without a delivery for this long, what is missing is given up: lost, or the broker hangs. */
#define STALL_NS 2000000000ull
#define UNRELATED_CLIENTS 100
#define STREAM_WINDOW 8192

struct publisher {
  struct client *client;
  uint32_t number;
  char topic[TOPIC_MAX];
  size_t topic_length;
  uint64_t sent;     /* messages; also the next sequence number */
  uint64_t finished; /* PUBACK or PUBCOMP received */
  uint64_t expected; /* deliveries that the sent messages should cause */
  uint64_t received; /* deliveries seen, and those given up */
  uint64_t *sent_ns; /* by packet identifier; 0 when it is free */
  uint16_t *free;    /* ring of free packet identifiers, oldest first */
  uint32_t free_head, free_count;
};

static struct publisher *publishers;
static struct client *subscriber_clients;
static struct stream *streams; /* by subscriber and its publishers */
static size_t stream_count;
static uint32_t streams_per_subscriber;
static uint32_t deliveries_per_message;

static uint64_t total_sent, total_received, total_finished;
static uint64_t stalls, bad_acks;
static uint64_t last_progress_ns;
static uint64_t next_tick_ns; /* paced */
static double owed;           /* paced: messages that are due and not sent */
static bool measuring, stopped;
static struct histogram delivery_latency, ack_latency;

/* Topics -------------------------------------------------------------------------------------- */

static void own_filter(char *filter, uint32_t client, uint32_t number) {
  if (options.filters > 1) {
    snprintf(filter, TOPIC_MAX, "bench/%u/+/%u", client, number);
  } else if (options.topology == FANIN) {
    snprintf(filter, TOPIC_MAX, "bench/+");
  } else {
    snprintf(filter, TOPIC_MAX, "bench/%u", options.topology == PAIRS ? client : 0);
  }
}

static void unrelated_filter(char *filter, uint32_t client, uint32_t number) {
  snprintf(filter, TOPIC_MAX, "unrelated/%u/+/%u", client, number);
}

static void idle_filter(char *filter, uint32_t client, uint32_t number) {
  snprintf(filter, TOPIC_MAX, "idle/%u/%u", client, number);
}

/* Publishing ---------------------------------------------------------------------------------- */

static void publish_one(struct publisher *publisher, uint64_t stamp_ns) {
  uint16_t identifier = 0;
  if (options.qos > 0) {
    identifier = publisher->free[publisher->free_head];
    publisher->free_head = (publisher->free_head + 1) % options.window;
    publisher->free_count--;
    publisher->sent_ns[identifier] = stamp_ns;
  }
  if (options.filters > 1) {
    publisher->topic_length = (size_t)snprintf(publisher->topic, TOPIC_MAX, "bench/%u/x/%u",
                                               publisher->number,
                                               (uint32_t)(publisher->sent % options.filters));
  }
  client_publish(publisher->client, options.qos, false, identifier, publisher->topic,
                 publisher->topic_length, publisher->number, publisher->sent, stamp_ns);
  publisher->sent++;
  publisher->expected += deliveries_per_message;
  total_sent++;
}

static uint64_t room_of(const struct publisher *publisher) {
  uint64_t missing = publisher->expected - publisher->received;
  uint64_t outstanding = (missing + deliveries_per_message - 1) / deliveries_per_message;
  uint64_t room = outstanding < options.unreceived ? options.unreceived - outstanding : 0;
  if (options.qos > 0 && publisher->free_count < room) room = publisher->free_count;
  return room;
}

static void publish_unpaced(void) {
  uint64_t now = now_ns();
  for (uint32_t i = 0; i < options.publishers; i++) {
    struct publisher *publisher = &publishers[i];
    uint64_t room = room_of(publisher);
    if (room < options.burst) continue;
    while (room-- > 0 && client_backlog(publisher->client) < BACKLOG_MAX) {
      publish_one(publisher, now);
    }
  }
}

/*
 * Messages leave in ticks, each to another publisher. The stamp is the time of the tick, not of the
 * write, so that waiting behind others counts.
 */
static void publish_paced(void) {
  uint64_t now = now_ns();
  for (; next_tick_ns <= now; next_tick_ns += options.tick_us * 1000ull) {
    for (owed += options.rate * options.tick_us / 1e6; owed >= 1; owed--) {
      struct publisher *publisher = &publishers[total_sent % options.publishers];
      if (options.qos > 0 && publisher->free_count == 0) break; /* stays owed */
      publish_one(publisher, next_tick_ns);
    }
  }
  loop_wake_at(next_tick_ns);
}

/* Gives up the messages that nobody will receive, so that the loop goes on and the loss is seen. */
static void check_stall(uint64_t now) {
  if (now - last_progress_ns < STALL_NS) return;
  last_progress_ns = now;
  stalls++;
  for (uint32_t i = 0; i < options.publishers; i++) publishers[i].received = publishers[i].expected;
}

static void turn_end(void) {
  if (stopped) return;
  if (options.rate > 0) publish_paced();
  else publish_unpaced();
}

/* Handlers ------------------------------------------------------------------------------------ */

static void finish(struct publisher *publisher, uint16_t identifier) {
  if (!identifier || identifier > options.window || !publisher->sent_ns[identifier]) {
    bad_acks++;
    return;
  }
  if (measuring) histogram_add(&ack_latency, now_ns() - publisher->sent_ns[identifier]);
  publisher->sent_ns[identifier] = 0;
  publisher->free[(publisher->free_head + publisher->free_count++) % options.window] = identifier;
  publisher->finished++;
  total_finished++;
}

static void on_publisher_packet(struct client *client, const struct packet *packet) {
  struct publisher *publisher = client->role;
  uint16_t identifier = mqtt_identifier(packet);
  switch (packet->type) {
    case PUBACK:
    case PUBCOMP: finish(publisher, identifier); return;
    case PUBREC: client_ack(client, PUBREL, identifier); return;
    default: die("%s: packet of type %d for a publisher", client->name, packet->type);
  }
}

static void on_subscriber_packet(struct client *client, const struct packet *packet) {
  if (packet->type == PUBREL) {
    client_ack(client, PUBCOMP, mqtt_identifier(packet));
    return;
  }
  if (packet->type != PUBLISH) die("%s: packet of type %d", client->name, packet->type);
  struct stamp stamp = client_receive(client, packet);
  if (stamp.publisher >= options.publishers) die("%s: unknown publisher", client->name);
  size_t subscriber = (size_t)(client - subscriber_clients);
  size_t stream = subscriber * streams_per_subscriber +
                  (streams_per_subscriber > 1 ? stamp.publisher : 0);
  if (!stream_accept(&streams[stream], stamp.sequence)) return;
  struct publisher *publisher = &publishers[stamp.publisher];
  if (publisher->received < publisher->expected) publisher->received++;
  total_received++;
  uint64_t now = now_ns();
  last_progress_ns = now;
  if (measuring) histogram_add(&delivery_latency, now > stamp.sent_ns ? now - stamp.sent_ns : 0);
}

/* Phases -------------------------------------------------------------------------------------- */

static void make_publishers(struct client *clients) {
  publishers = calloc(options.publishers, sizeof *publishers);
  if (!publishers) die("out of memory");
  for (uint32_t i = 0; i < options.publishers; i++) {
    struct publisher *publisher = &publishers[i];
    publisher->client = &clients[i];
    publisher->number = i;
    publisher->topic_length = (size_t)snprintf(publisher->topic, TOPIC_MAX, "bench/%u", i);
    publisher->sent_ns = calloc(options.window + 1, sizeof *publisher->sent_ns);
    publisher->free = calloc(options.window, sizeof *publisher->free);
    if (!publisher->sent_ns || !publisher->free) die("out of memory");
    for (uint32_t j = 0; j < options.window; j++) publisher->free[j] = (uint16_t)(j + 1);
    publisher->free_count = options.window;
    clients[i].on_packet = on_publisher_packet;
    clients[i].role = publisher;
  }
}

static void run_for(double seconds) {
  uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
  for (uint64_t now = now_ns(); now < end; now = now_ns()) {
    check_stall(now);
    loop_turn(50, turn_end);
  }
}

static bool all_done(void) {
  if (options.qos > 0 && total_finished < total_sent) return false;
  return total_received >= total_sent * deliveries_per_message;
}

static void drain(void) {
  stopped = true;
  loop_pause_us = 0;
  last_progress_ns = now_ns();
  while (!all_done() && now_ns() - last_progress_ns < STALL_NS) loop_turn(50, NULL);
  /* A little longer: a duplicate would come after the last message. */
  for (uint64_t end = now_ns() + 100000000; now_ns() < end;) loop_turn(20, NULL);
}

static void print_faults(void) {
  uint64_t unacknowledged = options.qos > 0 ? total_sent - total_finished : 0;
  streams_print(streams, stream_count, total_sent * deliveries_per_message - total_received);
  printf(",\"sent\":%llu,\"received\":%llu,\"unacknowledged\":%llu,\"unknown_acks\":%llu,"
         "\"stalls\":%llu",
         (unsigned long long)total_sent, (unsigned long long)total_received,
         (unsigned long long)unacknowledged, (unsigned long long)bad_acks,
         (unsigned long long)stalls);
}

static void connect_bystanders(void) {
  uint32_t holders = options.unrelated ? UNRELATED_CLIENTS : 0;
  struct client *idle = clients_make("idle-", options.idle, true);
  struct client *unrelated = clients_make("unrelated-", holders, true);
  clients_connect(idle, options.idle, options.concurrency);
  clients_connect(unrelated, holders, options.concurrency);
  clients_subscribe(idle, options.idle, 1, 0, idle_filter);
  clients_subscribe(unrelated, holders, options.unrelated / UNRELATED_CLIENTS, 0, unrelated_filter);
}

static void limit_window(struct client *publisher_clients) {
  for (uint32_t i = 0; i < options.publishers; i++) {
    if (publisher_clients[i].receive_maximum < options.window) {
      options.window = publisher_clients[i].receive_maximum;
    }
  }
}

void run_traffic(void) {
  struct client *publisher_clients = clients_make("pub-", options.publishers, true);
  subscriber_clients = clients_make("sub-", options.subscribers, !options.persistent);
  streams_per_subscriber = options.topology == FANIN ? options.publishers : 1;
  deliveries_per_message = options.topology == FANOUT ? options.subscribers : 1;
  stream_count = (size_t)options.subscribers * streams_per_subscriber;
  streams = streams_make(stream_count, STREAM_WINDOW);
  for (uint32_t i = 0; i < options.subscribers; i++) {
    subscriber_clients[i].on_packet = on_subscriber_packet;
  }

  connect_bystanders();
  int publisher_port = target.port;
  if (target.subscriber_port) target.port = target.subscriber_port;
  clients_connect(subscriber_clients, options.subscribers, options.concurrency);
  target.port = publisher_port;
  clients_connect(publisher_clients, options.publishers, options.concurrency);
  limit_window(publisher_clients);
  make_publishers(publisher_clients);
  struct sample before_subscribe = take_sample();
  clients_subscribe(subscriber_clients, options.subscribers, options.filters, options.qos,
                    own_filter);
  struct sample after_subscribe = take_sample();

  last_progress_ns = next_tick_ns = now_ns();
  loop_pause_us = options.pause_us;
  run_for(options.warmup_seconds);
  struct sample begin = take_sample();
  uint64_t received_before = total_received, sent_before = total_sent;
  measuring = true;
  run_for(options.seconds);
  measuring = false;
  struct sample end = take_sample();
  uint64_t deliveries = total_received - received_before, sent = total_sent - sent_before;
  drain();

  printf("{\"deliveries\":%llu,\"publishes\":%llu,\"subscriptions\":%llu,",
         (unsigned long long)deliveries, (unsigned long long)sent,
         (unsigned long long)options.subscribers * options.filters);
  sample_print("", &begin, &end);
  printf(",");
  sample_print("subscribe_", &before_subscribe, &after_subscribe);
  printf(",");
  histogram_print("latency", &delivery_latency);
  printf(",");
  histogram_print("ack_latency", &ack_latency);
  printf(",");
  print_faults();
  printf("}\n");
  clients_disconnect(publisher_clients, options.publishers);
}
