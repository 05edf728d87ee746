import { Buffer } from 'node:buffer';
import type { ProtocolVersion } from '../src/packet/mod.js';
import {
  type ConnectFields,
  connectBytes,
  disconnectBytes,
  pingreqBytes,
  Reader,
  type Received,
} from './codec.js';
import type { History, SlowOperation } from './history.js';
import type { Network } from './network.js';
import { machineOf } from './network.js';
import type { Planned, Scheduler } from './scheduler.js';
import type { StreamEnd } from './stream.js';
import type { Story } from './story.js';

/** What clients live in. */
export interface ClientWorld {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly history: History;
  readonly story: Story;
  /** Of all connections so far; numbers them. */
  connections: number;
  /** Likewise of sessions. */
  sessions: number;
}

export interface ConnectionOwner {
  /** Packets other than PINGRESP, in order. */
  onPacket(connection: Connection, packet: Received): void;
  /** It is over, whoever ended it; not called after {@link Connection.close}. */
  onLost(connection: Connection, reason: string): void;
}

type OperationKind = SlowOperation['kind'];

/** The longest that an answer may take while nothing is wrong, in milliseconds. */
const allowedMs: Readonly<Record<OperationKind, number>> = {
  connect: 5000,
  publish: 5000,
  release: 5000,
  subscribe: 5000,
  unsubscribe: 5000,
};
/** A 3.x client cannot be told no: it is closed after `cluster.refused_close_after`, 5 s. */
const refusedCloseMs = 3500;

/** One network connection of a device. Measures how long each answer takes. */
export class Connection {
  readonly number: number;
  readonly node: string;
  readonly startedAt: number;
  /** CONNACK came. */
  isAccepted = false;
  readonly #world: ClientWorld;
  readonly #device: string;
  readonly #version: ProtocolVersion;
  readonly #fields: ConnectFields;
  readonly #owner: ConnectionOwner;
  readonly #end: StreamEnd;
  readonly #reader: Reader;
  readonly #asked = new Map<string, { kind: OperationKind; at: number }>();
  #isOver = false;
  #heardAt = 0;
  #nextPing: Planned | undefined;

  constructor(
    world: ClientWorld,
    device: string,
    address: string,
    version: ProtocolVersion,
    fields: ConnectFields,
    owner: ConnectionOwner,
  ) {
    this.#world = world;
    this.#device = device;
    this.#version = version;
    this.#fields = fields;
    this.#owner = owner;
    this.#reader = new Reader(version);
    this.node = machineOf(address);
    this.startedAt = world.scheduler.now;
    this.number = world.connections += 1;
    const host = {
      name: device,
      post: (run: () => void) => void world.scheduler.after(0, run),
    };
    this.#end = world.network.dial(host, address, {
      onOpened: () => this.#onOpened(),
      onBytes: (bytes) => this.#onBytes(bytes),
      onSent: () => {},
      onClosed: (reason) => this.#onLost(reason),
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The path or a machine lost it, so that its ends do not agree on what was said. */
  get isSevered(): boolean {
    return this.#end.isSevered || this.#end.other?.isSevered === true;
  }

  send(...packets: Buffer[]): void {
    this.#end.send(packets.length === 1 ? (packets[0] as Buffer) : Buffer.concat(packets));
  }

  /** An answer is waited for; `key` names it. */
  asked(kind: OperationKind, key: string): void {
    this.#asked.set(key, { kind, at: this.#world.scheduler.now });
  }

  /** Returns when it was asked for. */
  answered(key: string): number | undefined {
    const asked = this.#asked.get(key);
    if (asked === undefined) return undefined;
    this.#asked.delete(key);
    this.#measure(asked);
    return asked.at;
  }

  pauseReading(durationMs: number): void {
    const { history, scheduler } = this.#world;
    const trouble = history.troubleBegan(`${this.#device}~${this.node}`);
    this.#end.pause();
    scheduler.after(durationMs, () => {
      this.#end.resume();
      history.troubleEnded(trouble);
    });
  }

  /** `vanish`: the device is gone and nobody is told; `drop`: the broker sees the end. */
  close(how: 'disconnect' | 'drop' | 'vanish'): void {
    if (this.#isOver) return;
    this.#over();
    if (how === 'disconnect') this.#end.send(disconnectBytes());
    if (how === 'vanish') this.#world.network.lose(this.#end, 'nobody learns');
    this.#end.close(how === 'drop' ? 'reset' : 'fin');
  }

  /** Its client has another one, and reads no answer on this one any more. */
  abandon(): void {
    this.#asked.clear();
  }

  /** Answers that are still missing when the run is over. */
  settle(): void {
    for (const asked of this.#asked.values()) this.#measure(asked);
    this.#asked.clear();
  }

  #over(): void {
    this.#isOver = true;
    this.#nextPing?.cancel();
    this.settle();
  }

  #measure({ kind, at }: { kind: OperationKind; at: number }): void {
    const { history, scheduler } = this.#world;
    const { now } = scheduler;
    const isUntold = kind === 'publish' || kind === 'unsubscribe';
    const isSlowToRefuse = isUntold && this.#version !== 5;
    const allowed = allowedMs[kind] + (isSlowToRefuse ? refusedCloseMs : 0);
    if (now - at <= allowed || this.isSevered) return;
    const { node } = this;
    const client = this.#device;
    history.slow.push({ kind, client, node, askedAt: at, endedAt: now, allowedMs: allowed });
  }

  #onOpened(): void {
    this.asked('connect', 'connect');
    this.send(connectBytes(this.#version, this.#fields));
    this.#heardAt = this.#world.scheduler.now;
    this.#planPing();
  }

  #planPing(): void {
    const intervalMs = this.#fields.keepAlive * 500;
    this.#nextPing = this.#world.scheduler.after(intervalMs, () => {
      if (this.#world.scheduler.now - this.#heardAt > intervalMs * 3) {
        this.#end.close('reset');
        this.#onLost('no answer to PINGREQ');
        return;
      }
      if (this.isAccepted) this.send(pingreqBytes());
      this.#planPing();
    });
  }

  #onBytes(bytes: Buffer): void {
    this.#heardAt = this.#world.scheduler.now;
    for (const packet of this.#reader.push(bytes)) {
      if (this.#isOver) return;
      if (packet.kind === 'connack') {
        this.answered('connect');
        this.isAccepted = packet.code === 0;
      }
      if (packet.kind === 'pingresp') continue;
      this.#world.story.tell(this.#device, () => `gets ${describe(packet)}`);
      this.#owner.onPacket(this, packet);
    }
  }

  #onLost(reason: string): void {
    if (this.#isOver) return;
    this.#over();
    this.#world.story.tell(this.#device, () => `connection ${this.number} lost: ${reason}`);
    this.#owner.onLost(this, reason);
  }
}

function describe(packet: Received): string {
  switch (packet.kind) {
    case 'connack':
      return `CONNACK ${packet.code}${packet.sessionPresent ? ', session present' : ''}`;
    case 'publish': {
      const { qos, dup, retain, packetIdentifier, payload } = packet;
      const flags = `${dup ? ', dup' : ''}${retain ? ', retain' : ''}`;
      return `PUBLISH ${packet.topicName} #${Number.parseInt(payload, 10)}, QoS ${qos}, id ${packetIdentifier}${flags}`;
    }
    case 'suback':
    case 'unsuback':
      return `${packet.kind.toUpperCase()} ${packet.packetIdentifier}: ${packet.codes.join(' ')}`;
    case 'pingresp':
      return 'PINGRESP';
    case 'disconnect':
      return `DISCONNECT ${packet.code}`;
    default:
      return `${packet.kind.toUpperCase()} ${packet.packetIdentifier}${packet.code === 0 ? '' : `, code ${packet.code}`}`;
  }
}
