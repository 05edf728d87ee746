/**
 * queue: messages and a session's order of them. Owns what a message is, what waits, what is in
 * flight and which Packet Identifiers are in use; never decides who gets a message.
 *
 *   Publication (being routed) ──message()──▶ Message ──▶ Entry ──▶ WaitingQueue ──▶ Inflight
 */
export { type Chunk, Entry, EntryState, type GroupReference } from './entry.js';
export { identifierRanges, Inflight, packetIdentifierMax } from './inflight.js';
export { Message } from './message.js';
export { Publication, type SerialisedPublish } from './publication.js';
export { WaitingQueue } from './waiting.js';
