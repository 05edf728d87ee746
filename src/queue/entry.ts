import type { QoS } from '../packet/mod.js';
import type { Message } from './message.js';

/**
 * Where an entry of a session is on its way to the client.
 *
 *   Waiting ──▶ Held ──▶ Published ──▶ Released ──▶ Done      (QoS 2: PUBREC moves to Released)
 *      └────────────────────┴──────────────────────▶ Done      (QoS 1: PUBACK; dropped, expired)
 *
 * Held: it has its Packet Identifier, but what makes it safe to send is not durable yet.
 */
export const EntryState = { Waiting: 0, Held: 1, Published: 2, Released: 3, Done: 4 } as const;
export type EntryState = (typeof EntryState)[keyof typeof EntryState];

/** A run of entries that one record of the `queue` table holds. Owned by the journal. */
export interface Chunk {
  readonly firstSequence: number;
  /** Entries in it that are not Done. The record is removed when this reaches 0. */
  remaining: number;
  /** Records of bodies that go with it. */
  bodies?: number[];
}

/** A shared subscription's group, as far as an entry needs it: to go to another member. */
export interface GroupReference {
  readonly group: string;
  readonly filter: string;
}

/** One message in one session. */
export class Entry {
  readonly message: Message;
  readonly qos: QoS;
  /** The RETAIN flag as this session gets it. */
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  readonly group: GroupReference | undefined;
  state: EntryState = EntryState.Waiting;
  /** 0 until it goes in flight. */
  packetIdentifier = 0;
  /** Milliseconds since the epoch of the last PUBLISH or PUBREL. */
  sentAt = 0;
  /** It went out on this or an earlier connection: the next PUBLISH carries DUP. */
  sentBefore = false;
  /** It counts towards the Receive Maximum of the present connection. */
  counted = false;
  /** Place in the session's persisted order; 0 for what is not persisted. */
  sequence = 0;
  chunk: Chunk | undefined = undefined;

  constructor(
    message: Message,
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[] | undefined,
    group: GroupReference | undefined,
  ) {
    this.message = message;
    this.qos = qos;
    this.retain = retain;
    this.subscriptionIdentifiers = subscriptionIdentifiers;
    this.group = group;
  }
}
