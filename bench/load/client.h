/*
 * Client connections on one epoll loop in one thread. Output is gathered per client and written
 * once per turn of the loop; input is read into one shared buffer and parsed in place. A broken
 * connection ends the program: a benchmark of a broker that hangs up means nothing.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "mqtt.h"

enum client_state { IDLE, CONNECTING, CONNECTED, CLOSED };

struct client;
typedef void (*packet_handler)(struct client *client, const struct packet *packet);

struct client {
  int fd;
  enum client_state state;
  bool clean;
  bool pending;       /* stands in the list of clients to flush at the end of this turn */
  bool waits_to_write; /* the socket was full: EPOLLOUT is asked for */
  char name[32];
  packet_handler on_packet; /* all packets but CONNACK, SUBACK and PINGRESP */
  void *role;               /* the handler's own data */
  uint32_t receive_maximum;
  uint32_t subacks;   /* received since the start */
  uint8_t *out;
  size_t out_start, out_end, out_capacity;
  uint8_t *carry;     /* an incomplete packet from the last read */
  size_t carry_length, carry_capacity;
};

/* Where to connect and how. */
struct target {
  const char *host;
  int port;
  /* Where subscribers of the traffic connect, another node of a cluster; 0: to the same. */
  int subscriber_port;
  int version; /* 4 or 5 */
};
extern struct target target;

/* Ends the program with one line on standard error and exit code 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t now_ns(void);

void loop_open(void);

/*
 * Pause before each turn. It gathers what chatty brokers send piecemeal, so that the generator
 * needs few system calls and does not compete with the broker for the processor. It adds to
 * latency: for throughput, where the queue in front of the broker decides the latency anyway.
 */
extern unsigned loop_pause_us;

/* One turn: waits at most `timeout_ms`, handles what arrived, calls `turn_end`, flushes. */
void loop_turn(int timeout_ms, void (*turn_end)(void));

/* Makes the loop wake at `at_ns` of now_ns; the paced load's clock. */
void loop_wake_at(uint64_t at_ns);

/* Turns until `done` says so; dies naming `phase` when `timeout_seconds` pass. */
void loop_until(bool (*done)(void), const char *phase, double timeout_seconds);

/* Connects them all, at most `concurrency` at a time, and waits for every CONNACK. */
void clients_connect(struct client *clients, uint32_t count, uint32_t concurrency);

/* Sends DISCONNECT and closes. */
void clients_disconnect(struct client *clients, uint32_t count);

/* Room for `size` bytes at the end of the output; client_wrote says how many were used. */
uint8_t *client_reserve(struct client *client, size_t size);
void client_wrote(struct client *client, size_t size);
void client_ack(struct client *client, enum packet_type type, uint16_t identifier);

/* Bytes that wait in the generator because the broker does not read. */
static inline size_t client_backlog(const struct client *client) {
  return client->out_end - client->out_start;
}

#endif
