import { AddressLimits } from './address-limits.js';
import type { ClosingLink, LinkEnvironment, ListenersEnvironment } from './environment.js';
import { flushDeadlineMs, type LinkBase } from './link-base.js';
import { Listener } from './listener.js';
import type { ListenerOptions } from './options.js';
import { PendingBytes } from './pending-bytes.js';

/** Milliseconds between looks at the files of TLS listeners. */
const tlsPollMs = 2000;
/** Milliseconds between looks for connections that do not end. */
const closingPollMs = 500;

/** What `listener show` shows of one listener. */
export interface ListenerRow {
  readonly type: string;
  readonly name: string;
  readonly status: string;
  readonly address: string;
  readonly port: number;
  readonly mountpoint: string;
  readonly maxConnections: number;
  readonly activeConnections: number;
  readonly allConnections: number;
}

/** All listeners of a node: opened together, stopped together. */
export class Listeners {
  readonly #environment: ListenersEnvironment;
  readonly #addresses: AddressLimits;
  readonly #pending: PendingBytes;
  #listeners: Listener[] = [];
  readonly #closing = new Set<ClosingLink>();
  #tlsPoll: NodeJS.Timeout | undefined;
  #closingPoll: NodeJS.Timeout | undefined;

  constructor(environment: ListenersEnvironment) {
    const { limits, log, clock } = environment;
    this.#environment = environment;
    this.#addresses = new AddressLimits(limits.maxConnectRate, limits.maxFailedLogins, log);
    this.#pending = new PendingBytes(limits.maxPendingBytes, () => clock.now(), log);
  }

  /** All or none: the first that cannot be opened closes the others and is thrown. */
  async start(options: readonly ListenerOptions[]): Promise<readonly ListenerRow[]> {
    const opened: Listener[] = [];
    try {
      for (const one of options) {
        const listener = this.#make(one);
        await listener.open();
        opened.push(listener);
      }
    } catch (error) {
      for (const listener of opened) listener.stopAccepting();
      throw error;
    }
    this.#listeners = opened;
    this.#closingPoll = setInterval(() => this.#destroyLate(), closingPollMs);
    this.#closingPoll.unref();
    if (opened.some((listener) => listener.options.tls !== undefined)) {
      this.#tlsPoll = setInterval(() => {
        for (const listener of this.#listeners) listener.reloadTls();
      }, tlsPollMs);
      this.#tlsPoll.unref();
    }
    return this.show();
  }

  /**
   * Stops accepting, tells every client (`reasonCode` and where to go, v5) and waits until all are
   * gone, at most a little longer than the flush deadline.
   */
  async stop(reasonCode: number, reason: string, serverReference?: string): Promise<void> {
    clearInterval(this.#tlsPoll);
    for (const listener of this.#listeners) listener.stopAccepting();
    const now = this.#environment.clock.now();
    const links = (): LinkBase[] => this.#listeners.flatMap((listener) => [...listener.links()]);
    for (const link of links()) link.handler?.disconnect(reasonCode, reason, now, serverReference);
    const deadline = Date.now() + flushDeadlineMs + 500;
    while (links().length > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const link of links()) link.close('abort');
    clearInterval(this.#closingPoll);
    this.#destroyLate(Number.POSITIVE_INFINITY);
  }

  /** A CONNECT from `host` was refused for its credentials. */
  noteFailedLogin(host: string): void {
    this.#addresses.noteFailedLogin(host, this.#environment.clock.now());
  }

  /** Bytes that were flushed and that the kernel has not taken, over all connections. */
  unsentBytes(): number {
    let unsent = 0;
    for (const listener of this.#listeners) unsent += listener.unsentBytes();
    return unsent;
  }

  countConnections(): { readonly mqtt: number; readonly websocket: number } {
    let mqtt = 0;
    let websocket = 0;
    for (const listener of this.#listeners) {
      const { type } = listener.options;
      if (type === 'ws' || type === 'wss') websocket += listener.activeConnections;
      else mqtt += listener.activeConnections;
    }
    return { mqtt, websocket };
  }

  show(): ListenerRow[] {
    return this.#listeners.map((listener) => ({
      type: listener.options.type,
      name: listener.options.name,
      status: listener.status,
      address: listener.facts.address,
      port: listener.facts.port,
      mountpoint: listener.options.mountpoint,
      maxConnections: listener.options.maxConnections,
      activeConnections: listener.activeConnections,
      allConnections: listener.allConnections,
    }));
  }

  #destroyLate(now: number = this.#environment.clock.now()): void {
    for (const link of this.#closing) if (link.destroyIfLate(now)) this.#closing.delete(link);
  }

  #make(options: ListenerOptions): Listener {
    const { clock, log, counters, turn, accept } = this.#environment;
    const environment: LinkEnvironment = {
      clock,
      log,
      counters,
      turn,
      accept,
      pending: this.#pending,
      addresses: this.#addresses,
      onLinkClosing: (link) => this.#closing.add(link),
      onLinkClosed: (link) => {
        this.#closing.delete(link);
        listener.forget(link as LinkBase);
      },
    };
    const listener = new Listener(options, environment);
    return listener;
  }
}
