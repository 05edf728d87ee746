import { ByteReader } from '../base/mod.js';
import type { DurabilityWaiter } from '../session/mod.js';
import type { ClusterHost } from './cluster-host.js';
import { type Arrived, type Arriving, type Awaited, RefusedBecause } from './flow/mod.js';
import type { Site } from './identity/mod.js';
import { bodySize, type FrameBody, type FrameNumber, FrameType, wholeBody } from './link/mod.js';
import type { Peer, PeerMessages } from './peer.js';
import type { RowDisk, StoredCluster } from './row-disk.js';
import { type Handover, handoverBytes, readHandover } from './takeover/mod.js';

const malformed: Arrived = { refused: RefusedBecause.Malformed, ticket: 0 };

/** Messages to the other members and from them, and what of it is on the disk. */
export class Traffic implements PeerMessages, DurabilityWaiter {
  readonly #peers: ReadonlyMap<Site, Peer>;
  readonly #disk: RowDisk;
  readonly #host: ClusterHost;
  /** From the disk, until it is adopted. */
  #outbox: StoredCluster['outbox'];

  constructor(
    peers: ReadonlyMap<Site, Peer>,
    disk: RowDisk,
    outbox: StoredCluster['outbox'],
    host: ClusterHost,
  ) {
    this.#peers = peers;
    this.#disk = disk;
    this.#outbox = outbox;
    this.#host = host;
  }

  /** At start: what was stored of the numbers that came. */
  restore(flows: StoredCluster['flows']): void {
    for (const { site, boot, record } of flows) this.#peers.get(site)?.flow.restore(boot, record);
  }

  /** QoS 0: at most once. */
  sendOnce(site: Site, body: FrameBody): void {
    this.#host.turnEndWanted();
    if (this.#peers.get(site)?.flow.sendOnce(body) !== true) this.unsent(1, bodySize(body));
  }

  /**
   * QoS 1 and 2: until `site` owns it. `after`: see {@link PeerFlow.send}.
   * False: it is not taken.
   */
  send(site: Site, body: FrameBody, awaited: Awaited | undefined, now: number, after = 0): boolean {
    this.#host.turnEndWanted();
    if (after > 0) this.#host.journal.wait(this);
    const flow = this.#peers.get(site)?.flow;
    return flow?.send(body, awaited, now, FrameType.Publish, after) ?? false;
  }

  /** The same for something of a session. */
  handOver(site: Site, handover: Handover, awaited: Awaited | undefined, now: number): boolean {
    this.#host.turnEndWanted();
    const body = wholeBody(handoverBytes(handover));
    return this.#peers.get(site)?.flow.send(body, awaited, now, FrameType.Remnant) ?? false;
  }

  /**
   * At start, once, when sessions are loaded: what was sent, written, and not confirmed. `adopt`
   * takes each over and says who waits to hear whether the member has it after all.
   */
  restoreSent(adopt: (site: Site, body: Uint8Array) => Awaited): void {
    for (const { site, number, body } of this.#outbox) {
      const awaited = adopt(site, body);
      this.#peers.get(site)?.flow.restoreSent(number, awaited);
      this.#disk.sent(site, number, undefined);
    }
    this.#outbox = [];
  }

  tick(now: number): void {
    for (const { flow } of this.#peers.values()) {
      if (flow.writeOverdue(now)) this.#host.turnEndWanted();
    }
  }

  onTurnEnd(now: number): void {
    for (const { flow } of this.#peers.values()) flow.flush();
    this.tick(now);
  }

  /** Members wait for what came from them. */
  onDurable(durable: number, refused: number): void {
    let isWaiting = false;
    for (const { flow } of this.#peers.values()) {
      if (flow.onDurable(durable, refused)) isWaiting = true;
    }
    // Rows that came while the batch was under way are in the next one, and others wait for them.
    if (isWaiting || this.#disk.isDirty) this.#host.journal.wait(this);
    this.#host.turnEndWanted();
  }

  // PeerMessages

  opened(site: Site, body: Uint8Array, start: number): Arriving {
    this.#host.turnEndWanted();
    return this.#host.opened(site, body, start);
  }

  handedOver(site: Site, body: Uint8Array, now: number): Arrived {
    const handover = readHandover(new ByteReader(body));
    this.#host.turnEndWanted();
    if (handover === undefined) return malformed;
    return this.#host.handedOver(site, handover, now);
  }

  get ticket(): number {
    return this.#host.journal.ticket;
  }

  batchAwaited(): void {
    this.#host.journal.wait(this);
  }

  unsent(count: number, bytes: number): void {
    this.#host.dropped(count, bytes);
  }

  sentChanged(site: Site, number: FrameNumber, body: Uint8Array | undefined): void {
    this.#disk.sent(site, number, body);
  }

  recordChanged(site: Site, boot: number): void {
    this.#disk.flow(site, boot, this.#peers.get(site)?.flow.record(boot));
  }
}
