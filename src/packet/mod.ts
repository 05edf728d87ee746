/**
 * packet: MQTT control packets as bytes and as values, for 3.1, 3.1.1 and 5 alike.
 *
 * Owns: the decoder of what a server receives, the encoder of what it sends, the property table,
 * the reason codes, and the writer that collects a connection's outgoing bytes. It knows what one
 * packet by itself may look like. It never knows a session: whether a packet may come now, whether
 * a topic name or filter is well formed, whether an alias or identifier is in use, is said
 * elsewhere.
 *
 *   chunk ──feed──▶ Decoder ──next──▶ Publish: `publish`, offsets into the chunk, nothing copied
 *                      │              acknowledgements: `ack`, two numbers
 *                      │              other types: `packet`, a record that owns its bytes
 *                      │              Failed: `error`, reason code and broken statement
 *                      └─keepRemainder: only the cut end of a chunk is copied
 *
 *   write…(PacketWriter, version, …) ──▶ bytes, flushed once per turn
 */
export { type AckView } from './acknowledgement.js';
export { Decoder, Failed, NeedMore } from './decoder.js';
export {
  type PublishOptions,
  type PublishParts,
  publishSize,
  writeAuth,
  writeConnack,
  writeDisconnect,
  writePingresp,
  writePuback,
  writePubcomp,
  writePublish,
  writePubrec,
  writePubrel,
  writeSuback,
  writeUnsuback,
} from './encoder.js';
export * from './packets.js';
export { decodeProperties } from './properties.js';
export {
  canForward,
  encodeForwardProperties,
  forwardableProperties,
  isSameTopic,
  type PublishView,
  readTopicName,
} from './publish.js';
export * from './reason-codes.js';
export { PacketWriter } from './writer.js';
