/** Two nodes, and connections between them that deliver when they are told to. */
import { Buffer } from 'node:buffer';
import { createHmac, randomBytes } from 'node:crypto';
import type {
  LinkCrypto,
  LocalNode,
  PeerConnection,
  PeerConnectionHandler,
  Transport,
} from '../../../src/cluster/link/mod.js';

export const start = 1_800_000_000_000;
export const siteA: string = '0a'.repeat(16);
export const siteB: string = '0b'.repeat(16);
export const linkId: string = '77'.repeat(16);

export const crypto: LinkCrypto = {
  hmac(key, ...parts) {
    const mac = createHmac('sha256', key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  },
  random: (count) => randomBytes(count),
};

export function node(changes: Partial<LocalNode> = {}): LocalNode {
  return {
    site: siteA,
    boot: { counter: 3, nonce: '01'.repeat(8) },
    nodeName: 'a@one.example',
    address: 'one.example:44053',
    clusterName: 'prod',
    cookie: Buffer.from('a cookie of more than sixteen'),
    versions: { min: 1, max: 1 },
    ...changes,
  };
}

export function nodeB(changes: Partial<LocalNode> = {}): LocalNode {
  return node({
    site: siteB,
    boot: { counter: 9, nonce: '02'.repeat(8) },
    nodeName: 'b@two.example',
    address: 'two.example:44053',
    ...changes,
  });
}

/** One end of a connection in memory. */
export class FakeConnection implements PeerConnection {
  readonly remoteAddress: string;
  readonly exporter: Uint8Array | undefined = undefined;
  handler: PeerConnectionHandler | undefined;
  other: FakeConnection | undefined;
  isClosed = false;
  /** What was sent and not delivered. */
  readonly outgoing: Uint8Array[] = [];
  /** The other end's close comes behind what it sent. */
  hasEnded = false;
  isOpened = false;

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  get unsentBytes(): number {
    let size = 0;
    for (const bytes of this.outgoing) size += bytes.length;
    return size;
  }

  send(bytes: Uint8Array): void {
    if (!this.isClosed) this.outgoing.push(bytes);
  }

  pauseReading(): void {}

  resumeReading(): void {}

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.hasEnded = true;
  }

  /** Moves what this end sent to the other one; true if there was something. */
  deliver(now: number): boolean {
    const other = this.other;
    const had = this.outgoing.length > 0 || this.hasEnded;
    for (const bytes of this.outgoing.splice(0)) {
      if (other?.isClosed === false) other.handler?.onBytes(bytes, now);
    }
    if (this.hasEnded) {
      this.hasEnded = false;
      other?.break('closed by the peer', now);
    }
    return had;
  }

  /** The network ends it, as far as this end can see. */
  break(reason: string, now: number): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.outgoing.length = 0;
    this.handler?.onClosed(reason, now);
  }
}

/** Whoever listens at an address. */
export type Listener = (connection: FakeConnection, now: number) => PeerConnectionHandler;

/** All connections of a test. */
export class FakeNetwork implements Transport {
  readonly listeners: Map<string, Listener> = new Map();
  readonly connections: FakeConnection[] = [];
  readonly dialled: string[] = [];
  /** Nothing is delivered, nothing is opened. */
  isCut = false;

  dial(address: string, handler: PeerConnectionHandler): PeerConnection {
    this.dialled.push(address);
    const near = new FakeConnection(address);
    near.handler = handler;
    this.connections.push(near);
    return near;
  }

  /** The dialling ends of what is open. */
  get open(): FakeConnection[] {
    return this.connections.filter((one) => one.isOpened && !one.isClosed);
  }

  /** Delivers until nothing moves. */
  settle(now: number): void {
    while (!this.isCut && this.#step(now)) {
      // Every step moves something, or it is the last.
    }
  }

  #step(now: number): boolean {
    let moved = false;
    for (const near of [...this.connections]) {
      if (near.isOpened) {
        moved = near.deliver(now) || moved;
        moved = near.other?.deliver(now) === true || moved;
      } else if (!near.isClosed) {
        this.#open(near, now);
        moved = true;
      }
    }
    return moved;
  }

  #open(near: FakeConnection, now: number): void {
    const listener = this.listeners.get(near.remoteAddress);
    if (listener === undefined) return near.break('connection refused', now);
    near.isOpened = true;
    const far = new FakeConnection('10.0.0.1:50000');
    far.isOpened = true;
    near.other = far;
    far.other = near;
    far.handler = listener(far, now);
    near.handler?.onOpened(now);
  }
}
