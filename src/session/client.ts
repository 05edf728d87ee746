import type { AuthChain } from '../auth/mod.js';
import type { CloseCause, ClientLink, LinkHandler } from './link.js';
import { Connected } from './connected.js';
import { type Connection, Wait } from './connection.js';
import { Handshake } from './handshake.js';
import type { PacketType } from '../packet/mod.js';
import {
  Decoder,
  Failed,
  NeedMore,
  type ProtocolError,
  ReasonCode,
  reasonCodeName,
  writeDisconnect,
} from '../packet/mod.js';
import type { ClientHost, Registration } from './host.js';
import type { Session } from './session.js';

/**
 * What a connection is in. Data that exists in one phase only lives in that variant.
 *
 *   handshake ──(CONNACK success)──▶ connected ──▶ closed
 *       └───────────────(refused, timeout)──────────▶ closed
 */
type Phase =
  | { readonly name: 'handshake'; readonly handshake: Handshake }
  | { readonly name: 'connected'; readonly connected: Connected }
  | { readonly name: 'closed' };

const closedPhase: Phase = { name: 'closed' };
/** A CONNECT is small; what is larger is refused before the session's own limit is known. */
const connectSizeMax = 512 * 1024;
/** Largest control packet that MQTT allows: fixed header of 5 bytes, remaining length 2²⁸ - 1. */
const packetSizeMax = 268_435_460;

/**
 * One network connection of a client, from its first byte to its end. Decodes, keeps the order of
 * events, and hands packets to the phase that it is in. While a decision is pending the client is
 * blocked: it is not read, nobody else waits.
 */
export class Client implements LinkHandler, Connection {
  readonly link: ClientLink;
  readonly host: ClientHost;
  readonly decoder: Decoder;
  readonly auth: AuthChain;
  /** Milliseconds since the epoch; any complete packet counts [MQTT5-3.1.2-22]. */
  lastPacketAt: number;
  #phase: Phase;
  /** Bits of {@link Wait}. */
  #awaited = 0;
  #isReading = true;
  #inProcess = false;

  constructor(link: ClientLink, host: ClientHost, now: number) {
    this.link = link;
    this.host = host;
    this.auth = host.authOf(link.peer.listener);
    this.decoder = new Decoder(connectSizeMax);
    this.lastPacketAt = now;
    this.#phase = { name: 'handshake', handshake: new Handshake(this, now) };
    host.setDeadline(this, now + host.settings.connectTimeoutMs);
  }

  get pendingBytes(): number {
    return this.decoder.pendingBytes;
  }

  get isClosed(): boolean {
    return this.#phase.name === 'closed';
  }

  get isBlocked(): boolean {
    return this.#awaited !== 0;
  }

  get isConnected(): boolean {
    return this.#phase.name === 'connected';
  }

  onBytes(chunk: Uint8Array, start: number, end: number, now: number): void {
    if (this.#phase.name === 'closed') return;
    this.decoder.feed(chunk, start, end);
    this.#process(now);
    if (this.isClosed) return;
    this.decoder.keepRemainder();
    if (this.isBlocked && this.#isReading) {
      this.#isReading = false;
      this.link.pauseReading();
    }
  }

  onWritable(now: number): void {
    if (this.#phase.name === 'connected') this.#phase.connected.output.onWritable(now);
  }

  onClosed(cause: CloseCause, now: number): void {
    const phase = this.#phase;
    if (phase.name === 'closed') return;
    this.#enterClosed();
    if (phase.name === 'connected') phase.connected.onConnectionLost(cause, now);
    else phase.handshake.onConnectionLost(cause);
  }

  /** The wheel: connect timeout, keep alive, lifetime, retry, throttle. */
  onDeadline(now: number): void {
    const phase = this.#phase;
    switch (phase.name) {
      case 'handshake':
        phase.handshake.onTimeout(now);
        return;
      case 'connected':
        phase.connected.onDeadline(now);
        return;
      case 'closed':
        return;
    }
  }

  block(why: Wait): void {
    this.#awaited |= why;
  }

  unblock(why: Wait, now: number): void {
    if ((this.#awaited & why) === 0) return;
    this.#awaited &= ~why;
    this.#goOn(now);
  }

  decided(act: (now: number) => void): void {
    if (this.isClosed) return;
    const now = this.host.clock.now();
    this.#awaited &= ~Wait.Decision;
    act(now);
    this.#goOn(now);
  }

  onBacklogCleared(now: number): void {
    this.unblock(Wait.Backlog, now);
  }

  /** The broker has the session for an accepted CONNECT. */
  onRegistered(
    registration: Registration,
    session: Session,
    sessionPresent: boolean,
    ticket: number,
    now: number,
  ): void {
    if (this.#phase.name !== 'handshake') return;
    const handshake = this.#phase.handshake;
    const maximum = registration.limits.maxMessageSize;
    this.decoder.maximumPacketSize = maximum === 0 ? packetSizeMax : maximum;
    const connected = new Connected(this, registration, session, now);
    this.#phase = { name: 'connected', connected };
    connected.begin(handshake.connackProperties(registration), sessionPresent, ticket, now);
    this.unblock(Wait.Session, now);
  }

  /** Ends the connection from our side with a reason that a v5 client is told. */
  disconnect(reasonCode: number, reason: string, now: number, serverReference?: string): void {
    const phase = this.#phase;
    if (phase.name === 'closed') return;
    if (phase.name === 'handshake') {
      phase.handshake.refuse(reasonCode, reason);
      return;
    }
    const connected = phase.connected;
    // [MQTT5-3.14.0-1]: no DISCONNECT before CONNACK.
    if (connected.version === 5 && connected.hasConnack) {
      const known = connected.redirect ?? serverReference;
      const properties = {
        reasonString: reason,
        ...(known === undefined ? {} : { serverReference: known }),
      };
      const { maximumPacketSize } = connected.output;
      writeDisconnect(this.link.writer, reasonCode, properties, maximumPacketSize);
      this.host.metrics.v5.disconnectSent.add(reasonCode);
      this.link.touch();
    }
    this.#enterClosed();
    this.link.close('flush');
    connected.onDisconnectedByServer(reasonCode, reason, now);
  }

  /** Closes without a word: the client said DISCONNECT, or was refused in CONNACK. */
  closeQuietly(how: 'flush' | 'abort'): void {
    if (this.isClosed) return;
    this.#enterClosed();
    this.link.close(how);
  }

  #goOn(now: number): void {
    if (this.#inProcess || this.isClosed || this.isBlocked) return;
    this.#process(now);
    if (this.isClosed || this.isBlocked || this.#isReading) return;
    this.#isReading = true;
    // What the client sent meanwhile is still to be read: its silence counts from now.
    this.lastPacketAt = now;
    this.link.resumeReading();
  }

  #enterClosed(): void {
    this.#phase = closedPhase;
    this.host.clientClosed(this);
  }

  #process(now: number): void {
    const decoder = this.decoder;
    this.#inProcess = true;
    while (this.#awaited === 0) {
      const type = decoder.next();
      if (type === NeedMore) break;
      if (type === Failed) {
        this.#onMalformed(decoder.error as ProtocolError, now);
        break;
      }
      this.lastPacketAt = now;
      const phase = this.#phase;
      if (phase.name === 'connected') phase.connected.onPacket(type as PacketType, now);
      else if (phase.name === 'handshake') phase.handshake.onPacket(type as PacketType, now);
      if (this.isClosed) break;
    }
    this.#inProcess = false;
  }

  // Statements: [MQTT5-4.13.1-1] [MQTT3-4.8.0-1] [MQTT3-4.8.0-2] [MQTT3-2.2.2-1]
  #onMalformed(error: ProtocolError, now: number): void {
    const phase = this.#phase;
    if (phase.name === 'handshake') {
      phase.handshake.onMalformed(error);
      return;
    }
    if (phase.name !== 'connected') return;
    const counters = phase.connected.counters;
    if (error.reasonCode === ReasonCode.PacketTooLarge) counters.invalidMsgSizeError += 1;
    const where = error.statement === undefined ? '' : ` [${error.statement}]`;
    this.host.log.debug(
      { client: phase.connected.session.clientIdentifier, code: reasonCodeName(error.reasonCode) },
      `malformed packet: ${error.reason}${where}`,
    );
    this.disconnect(error.reasonCode, error.reason, now);
  }
}
