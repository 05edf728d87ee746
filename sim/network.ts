import type { Chance, Chances } from './chance.js';
import { Path, type PathQuality } from './path.js';
import type { Scheduler } from './scheduler.js';
import { type Ending, type NetworkHost, StreamEnd, type StreamHandler } from './stream.js';

/** A process that takes connections. */
interface Listening {
  readonly host: NetworkHost;
  /** A connection was made; it is open. Called in a turn of the host. */
  accept(end: StreamEnd): StreamHandler;
}

/** How a connection is lost. */
export type Loss = 'both ends learn' | 'one end learns' | 'nobody learns';

/** Milliseconds after which a dial that nobody answers fails, and between two of its attempts. */
const dialTimeoutMs = 30_000;
const dialRetryMs = 1000;

/**
 * All machines and what lies between them. Connections are byte streams like those of TCP: a cut
 * holds bytes back, a broken machine swallows them, and who learns what, and when, is the point.
 */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #chances: Chances;
  readonly #reads: Chance;
  readonly #paths = new Map<string, Path>();
  readonly #listening = new Map<string, Listening>();
  readonly #downMachines = new Set<string>();
  #ends = new Set<StreamEnd>();
  /** What a path is like between two machines that nobody described. */
  readonly #qualityOf: (from: string, to: string) => PathQuality;

  constructor(
    scheduler: Scheduler,
    chances: Chances,
    qualityOf: (from: string, to: string) => PathQuality,
  ) {
    this.#scheduler = scheduler;
    this.#chances = chances;
    this.#reads = chances.of('reads');
    this.#qualityOf = qualityOf;
  }

  path(from: string, to: string): Path {
    const name = `${from}>${to}`;
    let path = this.#paths.get(name);
    if (path === undefined) {
      const chance = this.#chances.of(`path ${name}`);
      path = new Path(from, to, this.#qualityOf(from, to), this.#scheduler, chance);
      this.#paths.set(name, path);
    }
    return path;
  }

  /** Every path that was used or described. */
  get paths(): Iterable<Path> {
    return this.#paths.values();
  }

  /** The first part of `address` names the machine: `node1:1883`. */
  listen(address: string, host: NetworkHost, accept: Listening['accept']): void {
    this.#listening.set(address, { host, accept });
  }

  /** Exactly one of `onOpened` and `onClosed` follows, unless the dialler closes. */
  dial(host: NetworkHost, address: string, handler: StreamHandler): StreamEnd {
    const machine = machineOf(address);
    const there = this.path(host.name, machine);
    const back = this.path(machine, host.name);
    const near = new StreamEnd(host, address, there, this.#reads);
    near.handler = handler;
    this.#scheduler.after(dialTimeoutMs, () => {
      if (near.other === undefined) near.fail('connection timed out');
    });
    const attempt = (): void => {
      if (near.isClosed) return;
      there.carry(0, 0, () => {
        if (near.isOpen || near.isClosed) return;
        if (this.#downMachines.has(machine)) {
          this.#scheduler.after(dialRetryMs, attempt);
          return;
        }
        back.carry(0, 0, () => this.#answered(near, address, there, back));
      });
    };
    this.#ends.add(near);
    attempt();
    return near;
  }

  /** The listener's machine answered; the third packet of the handshake decides. */
  #answered(near: StreamEnd, address: string, there: Path, back: Path): void {
    if (near.isClosed || near.isOpen || near.isSevered) return;
    const listening = this.#listening.get(address);
    if (listening === undefined) {
      near.fail('connection refused');
      return;
    }
    const { host } = listening;
    const far = new StreamEnd(host, `${near.host.name}:40000`, back, this.#reads);
    near.other = far;
    far.other = near;
    near.opened();
    near.host.post(() => {
      if (!near.isClosed) near.handler?.onOpened();
    });
    this.#ends.add(far);
    there.carry(0, 0, () => {
      const isThere = this.#listening.get(address) === listening;
      if (near.isSevered || far.isSevered || !isThere) {
        far.isSevered = true;
        if (!this.#downMachines.has(host.name)) far.forget();
        near.fail('connection reset by peer');
        return;
      }
      host.post(() => {
        far.handler = listening.accept(far);
        far.opened();
      });
    });
  }

  /** The process ended: its kernel closes what it had open and listens no more. */
  processEnded(host: NetworkHost, how: Ending): void {
    this.stopListening(host);
    for (const end of this.#endsOf(host)) end.close(how);
  }

  /** The machine is off: nobody learns anything until it is on again. */
  machineDown(host: NetworkHost): void {
    this.stopListening(host);
    this.#downMachines.add(host.name);
    for (const end of this.#endsOf(host)) {
      end.isClosed = true;
      end.isSevered = true;
    }
  }

  machineUp(name: string): void {
    if (!this.#downMachines.delete(name)) return;
    for (const end of this.#ends) {
      if (end.host.name === name && end.isSevered) end.forget();
    }
  }

  /** Open connections with an end in each of the two machines; `undefined`: any. */
  connections(one: string, other: string | undefined): StreamEnd[] {
    this.#sweep();
    return [...this.#ends].filter(
      (end) =>
        end.isOpen &&
        end.host.name === one &&
        (other === undefined || machineOf(end.remoteAddress) === other),
    );
  }

  /** A connection is lost for no reason that its ends could know. */
  lose(end: StreamEnd, loss: Loss): void {
    const { other } = end;
    end.isSevered = true;
    if (other !== undefined) other.isSevered = true;
    if (loss === 'nobody learns') return;
    end.fail('connection reset by the network');
    if (loss === 'both ends learn') other?.fail('connection reset by the network');
  }

  stopListening(host: NetworkHost): void {
    for (const [address, listening] of this.#listening) {
      if (listening.host === host) this.#listening.delete(address);
    }
  }

  #endsOf(host: NetworkHost): StreamEnd[] {
    this.#sweep();
    return [...this.#ends].filter((end) => end.host === host);
  }

  /** Forgets connections that are over at both ends. */
  #sweep(): void {
    this.#ends = new Set([...this.#ends].filter((end) => !isOver(end)));
  }
}

function isOver(end: StreamEnd): boolean {
  return end.isClosed && (end.other === undefined || end.other.isClosed);
}

/** The machine in an address. */
export function machineOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
