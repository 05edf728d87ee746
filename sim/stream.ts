import { Buffer } from 'node:buffer';
import type { Chance } from './chance.js';
import type { Path } from './path.js';

/** A process on the network: events of its sockets are posted to its loop. */
export interface NetworkHost {
  /** Of the machine; paths are between names. */
  readonly name: string;
  post(run: () => void): void;
}

/** Events of one end of a connection. Nothing comes after `onClosed`. */
export interface StreamHandler {
  onOpened(): void;
  /** `bytes` are valid until the method returns. */
  onBytes(bytes: Buffer): void;
  /** Asked for by `notifyWhenSent`: the other machine has all that was sent. */
  onSent(): void;
  onClosed(reason: string): void;
}

/** Bytes that the kernel sends before the other one has acknowledged some. */
const windowBytes = 256 * 1024;
const segmentBytes = 64 * 1024;

/** How an end came to its end, as the other one sees it arrive. */
export type Ending = 'fin' | 'reset';

/** One direction of a connection. Bytes keep their order, whatever the path does. */
interface Direction {
  readonly path: Path;
  readonly unsent: Uint8Array[];
  unsentBytes: number;
  inFlightBytes: number;
  /** No segment arrives before the one in front of it. */
  lastArrival: number;
  ending: Ending | undefined;
}

/** One end of a connection: a socket. */
export class StreamEnd {
  readonly host: NetworkHost;
  readonly remoteAddress: string;
  /** Undefined while the other machine has not answered. */
  other: StreamEnd | undefined;
  /** Undefined: an accepted connection of which the process does not know yet. */
  handler: StreamHandler | undefined;
  /** Open to be written and read; false before it opened and once this process closed it. */
  isOpen = false;
  /** The process was told of the end, or ended it itself. */
  isClosed = false;
  /** The machine died, or a device on the way forgot the connection: nothing goes or comes. */
  isSevered = false;
  readonly #chance: Chance;
  readonly #out: Direction;
  readonly #inbox: Uint8Array[] = [];
  #arrivedEnding: Ending | undefined;
  #isPaused = false;
  #isReadPosted = false;
  #wantsSent = false;
  #hasLost = false;
  #isForgotten = false;

  constructor(host: NetworkHost, remoteAddress: string, path: Path, chance: Chance) {
    this.host = host;
    this.remoteAddress = remoteAddress;
    this.#chance = chance;
    this.#out = {
      path,
      unsent: [],
      unsentBytes: 0,
      inFlightBytes: 0,
      lastArrival: 0,
      ending: undefined,
    };
  }

  /** What the other machine has not acknowledged and the kernel has no room for. */
  get unsentBytes(): number {
    return this.#out.unsentBytes;
  }

  send(bytes: Uint8Array): void {
    if (this.isClosed || bytes.length === 0) return;
    for (let at = 0; at < bytes.length; at += segmentBytes) {
      this.#out.unsent.push(bytes.subarray(at, at + segmentBytes));
    }
    this.#out.unsentBytes += bytes.length;
    this.#pump();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#wantRead();
  }

  notifyWhenSent(): void {
    this.#wantsSent = true;
    this.#checkSent();
  }

  /** The process is done. `fin`: what was sent before still arrives; `reset`: it may not. */
  close(how: Ending): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isOpen = false;
    this.#inbox.length = 0;
    this.#out.ending = how;
    if (how === 'reset') {
      this.#out.unsent.length = 0;
      this.#out.unsentBytes = 0;
    }
    this.#pump();
  }

  /** The process learns that the connection is over. */
  fail(reason: string): void {
    if (this.isClosed) return;
    this.isOpen = false;
    this.host.post(() => {
      if (this.isClosed) return;
      this.isClosed = true;
      this.handler?.onClosed(reason);
    });
  }

  /** The handshake is through. */
  opened(): void {
    this.isOpen = true;
    this.#wantRead();
    this.#pump();
  }

  #pump(): void {
    const out = this.#out;
    const { other } = this;
    if (other === undefined || (!this.isOpen && !this.isClosed)) return;
    while (out.inFlightBytes < windowBytes) {
      const segment = out.unsent.shift();
      if (segment === undefined) break;
      out.unsentBytes -= segment.length;
      out.inFlightBytes += segment.length;
      this.#carry(segment.length, other, () => other.#onSegment(segment));
    }
    const { ending } = out;
    if (ending === undefined || out.unsent.length > 0) return;
    out.ending = undefined;
    this.#carry(0, other, () => other.#onEnding(ending));
  }

  #carry(bytes: number, other: StreamEnd, arrived: () => void): void {
    const out = this.#out;
    out.lastArrival = out.path.carry(bytes, out.lastArrival, () => {
      if (!this.isSevered && !other.isSevered) arrived();
      else this.#onLost(other);
    });
  }

  /** What this end sent did not arrive. It goes on sending it, until the other machine is back. */
  #onLost(other: StreamEnd): void {
    if (this.isSevered && !other.#isForgotten) return;
    if (other.#isForgotten) this.#onRefused(other);
    else this.#hasLost = true;
  }

  /** The other machine is up and knows no such connection: it says so. */
  #onRefused(other: StreamEnd): void {
    if (this.isClosed) return;
    const { path, lastArrival } = other.#out;
    path.carry(0, lastArrival, () => this.fail('connection reset by peer'));
  }

  /** The machine of this end has started again, without the connections that it had. */
  forget(): void {
    this.#isForgotten = true;
    const { other } = this;
    if (other !== undefined && other.#hasLost) other.#onRefused(this);
  }

  #onSegment(segment: Uint8Array): void {
    if (this.isClosed) {
      // Nobody reads it any more; the kernel takes it all the same.
      this.#acknowledge(segment.length);
      return;
    }
    this.#inbox.push(segment);
    this.#wantRead();
  }

  #onEnding(ending: Ending): void {
    if (this.isClosed) return;
    this.#arrivedEnding = ending;
    if (ending === 'reset') this.#inbox.length = 0;
    this.#wantRead();
  }

  #acknowledge(bytes: number): void {
    const { other } = this;
    if (other === undefined) return;
    this.#carry(0, other, () => {
      other.#out.inFlightBytes -= bytes;
      other.#pump();
      other.#checkSent();
    });
  }

  #checkSent(): void {
    const { unsentBytes, inFlightBytes } = this.#out;
    if (!this.#wantsSent || unsentBytes > 0 || inFlightBytes >= windowBytes) return;
    this.#wantsSent = false;
    this.host.post(() => {
      if (!this.isClosed) this.handler?.onSent();
    });
  }

  #wantRead(): void {
    if (this.#isReadPosted || this.#isPaused || this.handler === undefined) return;
    if (this.#inbox.length === 0 && this.#arrivedEnding === undefined) return;
    this.#isReadPosted = true;
    this.host.post(() => this.#read());
  }

  /** Reads once, as much as comes: segments run together and are cut anywhere. */
  #read(): void {
    this.#isReadPosted = false;
    if (this.isClosed || this.#isPaused) return;
    const all = Buffer.concat(this.#inbox);
    this.#inbox.length = 0;
    if (all.length > 0) {
      const isShort = this.#chance.isHit(0.05);
      const most = isShort ? 1 + this.#chance.below(20) : segmentBytes;
      const rest = all.subarray(most);
      if (rest.length > 0) this.#inbox.push(Buffer.from(rest));
      const lent = all.subarray(0, most);
      this.#acknowledge(lent.length);
      this.handler?.onBytes(lent);
      // Who keeps a view of it will be found out.
      lent.fill(0xee);
    } else if (this.#arrivedEnding !== undefined) {
      const isReset = this.#arrivedEnding === 'reset';
      this.close('fin');
      this.handler?.onClosed(isReset ? 'connection reset by peer' : 'closed by peer');
      return;
    }
    this.#wantRead();
  }
}
