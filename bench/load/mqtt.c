#include "mqtt.h"

#include <string.h>

static size_t put_length(uint8_t *out, uint32_t length) {
  size_t size = 0;
  do {
    uint8_t byte = length & 0x7f;
    length >>= 7;
    out[size++] = length ? byte | 0x80 : byte;
  } while (length);
  return size;
}

static size_t put_u16(uint8_t *out, uint16_t value) {
  out[0] = value >> 8;
  out[1] = value & 0xff;
  return 2;
}

static size_t put_string(uint8_t *out, const char *text, size_t length) {
  put_u16(out, (uint16_t)length);
  memcpy(out + 2, text, length);
  return length + 2;
}

static uint16_t get_u16(const uint8_t *data) {
  return (uint16_t)(data[0] << 8 | data[1]);
}

/* A variable byte integer. Returns its size, 0 when incomplete, -1 when over four bytes. */
static int get_length(const uint8_t *data, size_t available, uint32_t *value) {
  uint32_t result = 0;
  for (int i = 0; i < 4; i++) {
    if ((size_t)i >= available) return 0;
    result |= (uint32_t)(data[i] & 0x7f) << (7 * i);
    if (!(data[i] & 0x80)) {
      *value = result;
      return i + 1;
    }
  }
  return -1;
}

int64_t mqtt_next(const uint8_t *data, size_t length, struct packet *packet) {
  uint32_t remaining;
  if (length < 2) return 0;
  int size = get_length(data + 1, length - 1, &remaining);
  if (size <= 0) return size;
  size_t total = 1 + (size_t)size + remaining;
  if (length < total) return 0;
  packet->type = data[0] >> 4;
  packet->flags = data[0] & 0x0f;
  packet->body = data + 1 + size;
  packet->length = remaining;
  return (int64_t)total;
}

bool mqtt_read_publish(const struct packet *packet, int version, struct publish *publish) {
  const uint8_t *body = packet->body;
  uint32_t left = packet->length;
  if (left < 2 || left - 2 < get_u16(body)) return false;
  uint32_t offset = 2u + get_u16(body);
  publish->qos = packet->flags >> 1 & 3;
  publish->packet_identifier = 0;
  if (publish->qos) {
    if (left - offset < 2) return false;
    publish->packet_identifier = get_u16(body + offset);
    offset += 2;
  }
  if (version >= 5) {
    uint32_t properties;
    int size = get_length(body + offset, left - offset, &properties);
    if (size <= 0 || left - offset - (uint32_t)size < properties) return false;
    offset += (uint32_t)size + properties;
  }
  publish->payload = body + offset;
  publish->payload_length = left - offset;
  return true;
}

/* Size of the value of a CONNACK property, 0 for one that is not known. */
static uint32_t connack_property_size(uint8_t identifier, const uint8_t *value, uint32_t left) {
  switch (identifier) {
    case 0x11: case 0x27: return 4;
    case 0x13: case 0x21: case 0x22: return 2;
    case 0x24: case 0x25: case 0x28: case 0x29: case 0x2a: return 1;
    case 0x12: case 0x15: case 0x16: case 0x1a: case 0x1c: case 0x1f:
      return left < 2 ? 0 : 2u + get_u16(value);
    case 0x26: {
      if (left < 2 || left < 4u + get_u16(value)) return 0;
      uint32_t name = 2u + get_u16(value);
      return name + 2u + get_u16(value + name);
    }
    default: return 0;
  }
}

uint32_t mqtt_connack_receive_maximum(const struct packet *packet) {
  uint32_t properties;
  if (packet->length < 3) return 65535;
  int size = get_length(packet->body + 2, packet->length - 2, &properties);
  if (size <= 0 || packet->length - 2 - (uint32_t)size < properties) return 65535;
  const uint8_t *at = packet->body + 2 + size;
  while (properties > 0) {
    uint32_t value = connack_property_size(at[0], at + 1, properties - 1);
    if (value == 0 || value > properties - 1) break;
    if (at[0] == 0x21) return get_u16(at + 1);
    at += 1 + value;
    properties -= 1 + value;
  }
  return 65535;
}

uint16_t mqtt_identifier(const struct packet *packet) {
  return packet->length < 2 ? 0 : get_u16(packet->body);
}

size_t mqtt_write_connect(uint8_t *out, int version, const char *client_identifier, bool clean) {
  /* Version 5 keeps a session over the connection's end only with an expiry interval. */
  static const uint8_t expiry[] = {5, 0x11, 0, 0, 0x0e, 0x10};
  uint8_t body[256];
  size_t size = put_string(body, "MQTT", 4);
  body[size++] = (uint8_t)version;
  body[size++] = clean ? 0x02 : 0x00;
  size += put_u16(body + size, 0); /* no keep alive: the generator is never idle by accident */
  if (version >= 5 && clean) {
    body[size++] = 0;
  } else if (version >= 5) {
    memcpy(body + size, expiry, sizeof expiry);
    size += sizeof expiry;
  }
  size += put_string(body + size, client_identifier, strlen(client_identifier));
  out[0] = CONNECT << 4;
  size_t header = 1 + put_length(out + 1, (uint32_t)size);
  memcpy(out + header, body, size);
  return header + size;
}

size_t mqtt_write_publish(uint8_t *out, int version, int qos, bool retain, uint16_t identifier,
                          const char *topic, size_t topic_length, const uint8_t *payload,
                          size_t payload_length) {
  size_t remaining = 2 + topic_length + (qos ? 2 : 0) + (version >= 5 ? 1 : 0) + payload_length;
  out[0] = (uint8_t)(PUBLISH << 4 | qos << 1 | (retain ? 1 : 0));
  size_t size = 1 + put_length(out + 1, (uint32_t)remaining);
  size += put_string(out + size, topic, topic_length);
  if (qos) size += put_u16(out + size, identifier);
  if (version >= 5) out[size++] = 0;
  memcpy(out + size, payload, payload_length);
  return size + payload_length;
}

size_t mqtt_write_ack(uint8_t *out, enum packet_type type, uint16_t identifier) {
  out[0] = (uint8_t)(type << 4 | (type == PUBREL ? 2 : 0));
  out[1] = 2;
  put_u16(out + 2, identifier);
  return 4;
}

size_t mqtt_write_disconnect(uint8_t *out) {
  out[0] = DISCONNECT << 4;
  out[1] = 0;
  return 2;
}

size_t mqtt_put_filter(uint8_t *list, const char *filter, size_t filter_length, int qos) {
  size_t size = put_string(list, filter, filter_length);
  list[size++] = (uint8_t)qos;
  return size;
}

size_t mqtt_write_subscribe(uint8_t *out, int version, uint16_t identifier, const uint8_t *list,
                            size_t list_length) {
  out[0] = SUBSCRIBE << 4 | 2;
  size_t remaining = 2 + (version >= 5 ? 1 : 0) + list_length;
  size_t size = 1 + put_length(out + 1, (uint32_t)remaining);
  size += put_u16(out + size, identifier);
  if (version >= 5) out[size++] = 0;
  memcpy(out + size, list, list_length);
  return size + list_length;
}
