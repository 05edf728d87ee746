/*
 * Just enough MQTT 3.1.1 and 5 to load a broker: packets are written into a caller's buffer and
 * read in place. No allocation, no state.
 */
#ifndef BENCH_MQTT_H
#define BENCH_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packet_type {
  CONNECT = 1, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP,
  SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT,
};

/* One received packet; `body` points into the receive buffer until the handler returns. */
struct packet {
  enum packet_type type;
  uint8_t flags;
  const uint8_t *body;
  uint32_t length;
};

/* What a received PUBLISH holds; `packet_identifier` is 0 at QoS 0. */
struct publish {
  uint8_t qos;
  uint16_t packet_identifier;
  const uint8_t *payload;
  uint32_t payload_length;
};

/* Bytes that the fixed header and everything but topic and payload of a PUBLISH can take. */
#define PUBLISH_OVERHEAD_MAX 16

/* Finds one packet at `data`. Returns its size, 0 when it is incomplete, -1 when malformed. */
int64_t mqtt_next(const uint8_t *data, size_t length, struct packet *packet);

/* Reads a PUBLISH of protocol `version` (4 or 5). False when the packet is malformed. */
bool mqtt_read_publish(const struct packet *packet, int version, struct publish *publish);

/* The Receive Maximum of a version 5 CONNACK; 65535 when absent. */
uint32_t mqtt_connack_receive_maximum(const struct packet *packet);

/* Packet identifier at the head of an ack, SUBACK included. */
uint16_t mqtt_identifier(const struct packet *packet);

/* The writers return the number of bytes written to `out`. */
size_t mqtt_write_connect(uint8_t *out, int version, const char *client_identifier, bool clean);
size_t mqtt_write_publish(uint8_t *out, int version, int qos, bool retain, uint16_t identifier,
                          const char *topic, size_t topic_length, const uint8_t *payload,
                          size_t payload_length);
size_t mqtt_write_ack(uint8_t *out, enum packet_type type, uint16_t identifier);
size_t mqtt_write_disconnect(uint8_t *out);

/* A SUBSCRIBE is written from its filters, each of which mqtt_put_filter appended to a list. */
size_t mqtt_put_filter(uint8_t *list, const char *filter, size_t filter_length, int qos);
size_t mqtt_write_subscribe(uint8_t *out, int version, uint16_t identifier, const uint8_t *list,
                            size_t list_length);

#endif
