import { PacketWriter } from '../src/packet/mod.js';
import type {
  AcceptLink,
  ClientLink,
  LinkHandler,
  ListenerFacts,
  PeerFacts,
} from '../src/session/mod.js';
import type { Clock } from '../src/base/mod.js';
import type { Scheduler } from './scheduler.js';
import type { StreamEnd, StreamHandler } from './stream.js';

/** Milliseconds that `close('flush')` waits for the client to take the rest, as at the edge. */
const flushDeadlineMs = 2000;

const listener: ListenerFacts = {
  type: 'tcp',
  name: 'sim',
  address: '0.0.0.0',
  port: 1883,
  mountpoint: '',
  allowedProtocolVersions: [3, 4, 5, 131, 132],
  allowAnonymousOverride: false,
  authPlugins: [],
  authzPlugins: [],
  maxConnectionLifetime: 0,
};

/** The links of one process that were written to in this turn. */
export interface Links {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  touch(link: SimClientLink): void;
  /** A received chunk is about to be reused. */
  settle(): void;
}

/** What a listener of the edge is to a socket: the same promises to the core. */
export class SimClientLink implements ClientLink, StreamHandler {
  readonly peer: PeerFacts;
  readonly writer: PacketWriter = new PacketWriter();
  isTouched = false;
  readonly #end: StreamEnd;
  readonly #links: Links;
  readonly #handler: LinkHandler;
  #closing: 'flush' | 'abort' | undefined;
  #isOver = false;

  constructor(end: StreamEnd, links: Links, accept: AcceptLink) {
    this.#end = end;
    this.#links = links;
    const host = end.remoteAddress.slice(0, end.remoteAddress.indexOf(':'));
    this.peer = { host, port: 40_000, identity: undefined, certificate: undefined, listener };
    this.#handler = accept(this, links.clock.now());
  }

  get bufferedBytes(): number {
    return this.#end.unsentBytes;
  }

  touch(): void {
    if (this.isTouched) return;
    this.isTouched = true;
    this.#links.touch(this);
  }

  flush(): void {
    this.isTouched = false;
    if (this.#closing === 'abort' || this.#isOver) return;
    const bytes = this.writer.take();
    if (bytes.length > 0) this.#end.send(bytes);
  }

  pauseReading(): void {
    this.#end.pause();
  }

  resumeReading(): void {
    this.#end.resume();
  }

  close(how: 'flush' | 'abort'): void {
    if (this.#closing !== undefined || this.#isOver) return;
    if (how === 'flush') this.flush();
    this.#closing = how;
    const startedAt = this.#links.scheduler.now;
    const wait = (): void => {
      const isLate = this.#links.scheduler.now - startedAt >= flushDeadlineMs;
      if (how === 'flush' && this.#end.unsentBytes > 0 && !isLate) {
        this.#links.scheduler.after(100, wait);
        return;
      }
      const isTaken = this.#end.unsentBytes === 0;
      this.#end.close(how === 'flush' && isTaken ? 'fin' : 'reset');
      this.#end.host.post(() => this.#over('local'));
    };
    wait();
  }

  notifyWhenWritable(): void {
    this.#end.notifyWhenSent();
  }

  onOpened(): void {}

  onBytes(bytes: Uint8Array): void {
    if (this.#closing !== undefined) return;
    this.#handler.onBytes(bytes, 0, bytes.length, this.#links.clock.now());
    this.#links.settle();
  }

  onSent(): void {
    if (this.#closing === undefined) this.#handler.onWritable(this.#links.clock.now());
  }

  onClosed(reason: string): void {
    this.#over(reason);
  }

  #over(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const isOurs = this.#closing !== undefined;
    const isNormal = reason === 'closed by peer';
    const now = this.#links.clock.now();
    if (isOurs) this.#handler.onClosed({ kind: 'local' }, now);
    else if (isNormal) this.#handler.onClosed({ kind: 'peer' }, now);
    else this.#handler.onClosed({ kind: 'error', message: reason }, now);
  }
}
