#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_TURN 512
#define READ_SIZE (256 * 1024)
#define CONNECT_TIMEOUT_SECONDS 60

struct target target;
unsigned loop_pause_us;

static int poll_fd = -1;
static int timer_fd = -1;
static uint8_t read_buffer[READ_SIZE];
static struct client **pending;
static size_t pending_count, pending_capacity;
static uint32_t connecting; /* clients between connect() and CONNACK */

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "load: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  exit(1);
}

uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void loop_open(void) {
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (poll_fd < 0 || timer_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer_fd, &event)) {
    die("epoll: %s", strerror(errno));
  }
}

void loop_wake_at(uint64_t at_ns) {
  struct itimerspec when = {.it_value.tv_sec = (time_t)(at_ns / 1000000000u),
                            .it_value.tv_nsec = (long)(at_ns % 1000000000u)};
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Output -------------------------------------------------------------------------------------- */

static void mark_pending(struct client *client) {
  if (client->pending) return;
  if (pending_count == pending_capacity) {
    pending_capacity = pending_capacity ? pending_capacity * 2 : 1024;
    pending = realloc(pending, pending_capacity * sizeof *pending);
    if (!pending) die("out of memory");
  }
  client->pending = true;
  pending[pending_count++] = client;
}

uint8_t *client_reserve(struct client *client, size_t size) {
  if (client->out_capacity - client->out_end < size && client->out_start > 0) {
    memmove(client->out, client->out + client->out_start, client_backlog(client));
    client->out_end -= client->out_start;
    client->out_start = 0;
  }
  if (client->out_capacity - client->out_end < size) {
    size_t capacity = client->out_capacity ? client->out_capacity : 256;
    while (capacity - client->out_end < size) capacity *= 2;
    client->out = realloc(client->out, capacity);
    if (!client->out) die("out of memory");
    client->out_capacity = capacity;
  }
  return client->out + client->out_end;
}

void client_wrote(struct client *client, size_t size) {
  client->out_end += size;
  mark_pending(client);
}

void client_ack(struct client *client, enum packet_type type, uint16_t identifier) {
  client_wrote(client, mqtt_write_ack(client_reserve(client, 4), type, identifier));
}

static void watch(struct client *client, bool for_write) {
  struct epoll_event event = {.events = EPOLLIN | (for_write ? EPOLLOUT : 0), .data.ptr = client};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, client->fd, &event);
  client->waits_to_write = for_write;
}

static void flush(struct client *client) {
  if (client->state == CLOSED) return;
  while (client->out_start < client->out_end) {
    const uint8_t *from = client->out + client->out_start;
    ssize_t size = send(client->fd, from, client_backlog(client), MSG_NOSIGNAL);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (size < 0) {
      const char *what = client->state == CONNECTING ? "connect" : "write";
      die("%s: %s: %s", client->name, what, strerror(errno));
    }
    client->out_start += (size_t)size;
  }
  bool full = client->out_start < client->out_end;
  if (!full) client->out_start = client->out_end = 0;
  if (full != client->waits_to_write) watch(client, full);
}

static void flush_pending(void) {
  for (size_t i = 0; i < pending_count; i++) {
    pending[i]->pending = false;
    if (!pending[i]->waits_to_write) flush(pending[i]);
  }
  pending_count = 0;
}

/* Input --------------------------------------------------------------------------------------- */

static void on_connack(struct client *client, const struct packet *packet) {
  if (packet->length < 2 || packet->body[1] != 0) {
    die("%s: CONNACK refused, code %d", client->name, packet->length < 2 ? -1 : packet->body[1]);
  }
  client->receive_maximum = target.version >= 5 ? mqtt_connack_receive_maximum(packet) : 65535;
  client->state = CONNECTED;
  connecting--;
}

static void on_suback(struct client *client, const struct packet *packet) {
  uint32_t offset = 2;
  if (target.version >= 5) offset += 1u + packet->body[2]; /* properties are short or absent */
  for (; offset < packet->length; offset++) {
    int code = packet->body[offset];
    if (code > 2) die("%s: SUBACK refused, code %d", client->name, code);
  }
  client->subacks++;
}

static void on_packet(struct client *client, const struct packet *packet) {
  switch (packet->type) {
    case CONNACK: on_connack(client, packet); return;
    case SUBACK: on_suback(client, packet); return;
    case PINGRESP: return;
    case DISCONNECT:
      die("%s: broker sent DISCONNECT, code %d", client->name,
          packet->length ? packet->body[0] : 0);
    default: if (client->on_packet) client->on_packet(client, packet);
  }
}

/* Handles all complete packets; returns how many bytes they took. */
static size_t parse(struct client *client, const uint8_t *data, size_t length) {
  size_t offset = 0;
  struct packet packet;
  while (offset < length) {
    int64_t size = mqtt_next(data + offset, length - offset, &packet);
    if (size < 0) die("%s: malformed packet from the broker", client->name);
    if (size == 0) break;
    on_packet(client, &packet);
    offset += (size_t)size;
  }
  return offset;
}

static void keep(struct client *client, const uint8_t *data, size_t length) {
  if (client->carry_capacity < length) {
    client->carry = realloc(client->carry, length * 2);
    if (!client->carry) die("out of memory");
    client->carry_capacity = length * 2;
  }
  memcpy(client->carry, data, length);
  client->carry_length = length;
}

static void on_readable(struct client *client) {
  size_t carried = client->carry_length;
  if (carried >= READ_SIZE) die("%s: packet over %d bytes", client->name, READ_SIZE);
  if (carried) memcpy(read_buffer, client->carry, carried);
  ssize_t size = recv(client->fd, read_buffer + carried, READ_SIZE - carried, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    die("%s: broker closed the connection%s%s", client->name, size < 0 ? ": " : "",
        size < 0 ? strerror(errno) : "");
  }
  client->carry_length = 0;
  size_t length = carried + (size_t)size;
  size_t used = parse(client, read_buffer, length);
  if (used < length) keep(client, read_buffer + used, length - used);
}

void loop_turn(int timeout_ms, void (*turn_end)(void)) {
  struct epoll_event events[EVENTS_PER_TURN];
  flush_pending(); /* what was queued between turns must not wait for the next event */
  if (loop_pause_us) usleep(loop_pause_us);
  int count = epoll_wait(poll_fd, events, EVENTS_PER_TURN, timeout_ms);
  for (int i = 0; i < count; i++) {
    struct client *client = events[i].data.ptr;
    if (client == NULL) {
      uint64_t expirations;
      if (read(timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("timer");
      continue;
    }
    if (client->state == CLOSED) continue;
    if (events[i].events & EPOLLOUT) flush(client);
    if (events[i].events & ~(uint32_t)EPOLLOUT) on_readable(client);
  }
  if (turn_end) turn_end();
  flush_pending();
}

void loop_until(bool (*done)(void), const char *phase, double timeout_seconds) {
  uint64_t deadline = now_ns() + (uint64_t)(timeout_seconds * 1e9);
  while (!done()) {
    if (now_ns() > deadline) die("%s: not finished after %.0f s", phase, timeout_seconds);
    loop_turn(100, NULL);
  }
}

/* Connections --------------------------------------------------------------------------------- */

static void start_connect(struct client *client) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target.port)};
  if (inet_pton(AF_INET, target.host, &address.sin_addr) != 1) die("bad host %s", target.host);
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client->fd < 0) die("%s: socket: %s", client->name, strerror(errno));
  int on = 1;
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(client->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
    die("%s: connect: %s", client->name, strerror(errno));
  }
  client->state = CONNECTING;
  client->waits_to_write = true;
  client->pending = false;
  client->out_start = client->out_end = client->carry_length = 0;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, client->fd, &event)) die("epoll: %s", strerror(errno));
  uint8_t *out = client_reserve(client, 300);
  client_wrote(client, mqtt_write_connect(out, target.version, client->name, client->clean));
  connecting++;
}

void clients_connect(struct client *clients, uint32_t count, uint32_t concurrency) {
  uint64_t deadline = now_ns() + CONNECT_TIMEOUT_SECONDS * 1000000000ull;
  for (uint32_t started = 0; started < count || connecting > 0;) {
    while (started < count && connecting < concurrency) start_connect(&clients[started++]);
    if (now_ns() > deadline) die("connect: not finished after %d s", CONNECT_TIMEOUT_SECONDS);
    loop_turn(100, NULL);
  }
}

void clients_disconnect(struct client *clients, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    struct client *client = &clients[i];
    client_wrote(client, mqtt_write_disconnect(client_reserve(client, 2)));
  }
  flush_pending();
  for (uint32_t i = 0; i < count; i++) {
    clients[i].state = CLOSED;
    close(clients[i].fd);
  }
}
