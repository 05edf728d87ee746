/* The options of the load generator and its four kinds of load. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "client.h"
#include "stats.h"

enum topology {
  PAIRS,  /* publisher i to subscriber i */
  FANOUT, /* one publisher to every subscriber */
  FANIN,  /* every publisher to one subscriber, by a wildcard */
};

struct options {
  const char *mode;
  enum topology topology;
  uint32_t publishers, subscribers;
  int qos;
  /* Messages of one publisher that are not acknowledged yet; QoS 1 and 2 only. */
  uint32_t window;
  /* Messages of one publisher that are not received yet by its average subscriber: the closed loop
   * that keeps a slow broker from having to drop. */
  uint32_t unreceived;
  /* A publisher sends when it may send this many; larger batches, fewer system calls. */
  uint32_t burst;
  double rate;      /* messages per second over all publishers; 0 as fast as they go */
  uint32_t tick_us; /* paced: messages leave this often, each from another publisher */
  uint32_t pause_us; /* between turns of the loop while messages flow; see loop_pause_us */
  double warmup_seconds, seconds;
  bool persistent; /* subscribers keep their session */
  uint32_t payload;
  uint32_t filters;   /* per subscriber; above 1 each holds a `+` and messages go round them */
  uint32_t unrelated; /* subscriptions of 100 further clients that never match */
  uint32_t idle;      /* further connected clients, each with one subscription */
  uint32_t connections, concurrency, sessions, messages, rounds;
};
extern struct options options;

/* Filters per SUBSCRIBE packet where a client makes many. */
#define FILTERS_PER_SUBSCRIBE 100
#define TOPIC_MAX 64

/* Writes filter `number` of client `client` into `filter` (TOPIC_MAX bytes). */
typedef void (*filter_writer)(char *filter, uint32_t client, uint32_t number);

/* `count` clients named `prefix` and their number; the memory is kept until the end. */
struct client *clients_make(const char *prefix, uint32_t count, bool clean);

/* Gives every client `per_client` subscriptions, one SUBSCRIBE at a time per client. */
void clients_subscribe(struct client *clients, uint32_t count, uint32_t per_client, int qos,
                       filter_writer write_filter);

/* Appends one stamped message to the client's output. */
void client_publish(struct client *client, int qos, bool retain, uint16_t identifier,
                    const char *topic, size_t topic_length, uint32_t publisher, uint64_t sequence,
                    uint64_t stamp_ns);

/* Reads a PUBLISH and its stamp and acknowledges it at QoS 1 and 2. Dies when it is malformed. */
struct stamp client_receive(struct client *client, const struct packet *packet);

void run_traffic(void);  /* publishers and subscribers, throughput or paced */
void run_idle(void);     /* memory per connection */
void run_connect(void);  /* connections per second */
void run_retained(void); /* retained messages to a new subscriber */
void run_offline(void);  /* enqueue for offline sessions, then drain */

#endif
