import { assert } from '../base/mod.js';
import { type Entry, EntryState } from './entry.js';

/** Packet Identifiers are 1 to 65,535 [MQTT5-2.2.1-3]. */
export const packetIdentifierMax = 65_535;

/**
 * New identifiers come from one of so many ranges: who goes on with a session without knowing what
 * was in flight takes another one, for the client may still hold identifiers of the last.
 */
export const identifierRanges = 8;
const identifiersPerRange = Math.floor(packetIdentifierMax / identifierRanges);

/**
 * QoS 1 and 2 messages on their way to one client, by Packet Identifier, in the order in which they
 * were first sent. Also the allocator: an identifier is free only when no entry holds it.
 */
export class Inflight {
  /** Invariant: every value has state Held, Published or Released, and its key as identifier. */
  readonly #byIdentifier = new Map<number, Entry>();
  #lastIdentifier = 0;

  get size(): number {
    return this.#byIdentifier.size;
  }

  get(packetIdentifier: number): Entry | undefined {
    return this.#byIdentifier.get(packetIdentifier);
  }

  /**
   * Gives `entry` an identifier that nobody uses; of `range` (0 to 7), as long as fewer are in
   * flight than that has. There must be one: `size` < 65,535.
   * Statements: [MQTT5-2.2.1-4] [MQTT3-2.3.1-4]
   */
  admit(entry: Entry, range: number): void {
    const { size } = this.#byIdentifier;
    assert(size < packetIdentifierMax, 'no free Packet Identifier');
    const isInRange = size < identifiersPerRange;
    const first = isInRange ? range * identifiersPerRange + 1 : 1;
    const last = isInRange ? first + identifiersPerRange - 1 : packetIdentifierMax;
    let identifier = this.#lastIdentifier;
    do {
      identifier = identifier < first || identifier >= last ? first : identifier + 1;
    } while (this.#byIdentifier.has(identifier));
    this.#lastIdentifier = identifier;
    entry.packetIdentifier = identifier;
    this.#byIdentifier.set(identifier, entry);
  }

  /** Puts back an entry that had its identifier before a restart. */
  restore(entry: Entry): void {
    const identifier = entry.packetIdentifier;
    assert(identifier > 0 && !this.#byIdentifier.has(identifier), 'identifier restored twice');
    this.#byIdentifier.set(identifier, entry);
    this.#lastIdentifier = identifier;
  }

  /** The entry leaves; its identifier is free again. */
  remove(entry: Entry): void {
    this.#byIdentifier.delete(entry.packetIdentifier);
  }

  /**
   * PUBREC came: the entry goes behind all others, so that after a reconnect the PUBRELs are sent
   * in the order of their PUBRECs [MQTT5-4.6.0-4].
   */
  release(entry: Entry): void {
    entry.state = EntryState.Released;
    this.#byIdentifier.delete(entry.packetIdentifier);
    this.#byIdentifier.set(entry.packetIdentifier, entry);
  }

  /** A held entry goes out only now, behind what was sent meanwhile [MQTT5-4.6.0-1]. */
  sent(entry: Entry): void {
    entry.state = EntryState.Published;
    this.#byIdentifier.delete(entry.packetIdentifier);
    this.#byIdentifier.set(entry.packetIdentifier, entry);
  }

  /** In order of sending: what was sent, then what is held and will be. */
  [Symbol.iterator](): IterableIterator<Entry> {
    for (const entry of this.#byIdentifier.values()) {
      if (entry.state === EntryState.Held) return this.#sentThenHeld();
    }
    return this.#byIdentifier.values();
  }

  *#sentThenHeld(): Generator<Entry> {
    for (const entry of this.#byIdentifier.values()) {
      if (entry.state !== EntryState.Held) yield entry;
    }
    for (const entry of this.#byIdentifier.values()) {
      if (entry.state === EntryState.Held) yield entry;
    }
  }
}
