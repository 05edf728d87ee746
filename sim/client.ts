import type { ProtocolVersion } from '../src/packet/mod.js';
import type { Chance } from './chance.js';
import type { Received } from './codec.js';
import { type ClientWorld, Connection, type ConnectionOwner } from './connection.js';
import { mayNotKnow } from './knowable.js';
import { Publisher, type PublishPlan } from './publisher.js';
import { Subscriber, type Wanted } from './subscriber.js';
import { type WillPlan, Wills } from './wills.js';

/** Who a client is and what it wants. */
export interface ClientPlan {
  /** Of its machine; two devices may share a client identifier. */
  readonly device: string;
  readonly clientIdentifier: string;
  readonly version: ProtocolVersion;
  readonly isPersistent: boolean;
  /** Where it may connect; it begins anywhere and moves on when that fails. */
  readonly addresses: readonly string[];
  readonly wanted: readonly Wanted[];
  readonly publishes: PublishPlan | undefined;
  readonly will: WillPlan | undefined;
  /** Mean milliseconds between two of its own adventures. */
  readonly restlessnessMs: number;
}

/** Seconds. Long: a session ends because its client says so, not because a run takes time. */
const sessionExpirySeconds = 86_400;
/** Milliseconds within which the row of a new session is everywhere, when nothing is wrong. */
const rowsTravelMs = 500;
const keepAliveSeconds = 10;
const reconnectMeanMs = 700;
/** How the device is named that shares its client identifier with another one, and gives way. */
export const secondTwin = '-b';

/** One device with its session: connects, lives, comes back. */
export class SimClient implements ConnectionOwner {
  readonly plan: ClientPlan;
  readonly publisher: Publisher | undefined;
  readonly subscriber: Subscriber;
  /** It stays away for good. */
  isRetired = false;
  readonly #world: ClientWorld;
  readonly #chance: Chance;
  #connection: Connection | undefined;
  #addresses: readonly string[];
  #addressIndex: number;
  #staysAway = false;
  /** The broker acknowledged a persistent session, which nobody ended since. */
  #hasSession = false;
  #acceptedAt = 0;
  /** Where and when the broker began its session. */
  #madeAt: { readonly at: number; readonly node: string } | undefined;
  #wantsCleanStart = false;
  #isRestless = true;
  readonly #wills: Wills;

  constructor(plan: ClientPlan, world: ClientWorld, chance: Chance) {
    const { clientIdentifier, version, wanted, isPersistent, publishes } = plan;
    this.plan = plan;
    this.#world = world;
    this.#chance = chance;
    this.#addresses = plan.addresses;
    this.#addressIndex = chance.below(plan.addresses.length);
    const { history, story } = world;
    this.#wills = new Wills(clientIdentifier, plan.will, chance, history);
    this.publisher =
      publishes && new Publisher(clientIdentifier, version, publishes, chance, history, story);
    this.subscriber = new Subscriber(
      ...([clientIdentifier, version, wanted, isPersistent] as const),
      ...([chance, world] as const),
    );
  }

  get isConnected(): boolean {
    return this.#connection?.isAccepted === true;
  }

  /** The node that it is connected to. */
  get node(): string | undefined {
    return this.isConnected ? this.#connection?.node : undefined;
  }

  /** Nothing of its own is unanswered. */
  get isContent(): boolean {
    if (this.isRetired) return true;
    if (this.plan.device.endsWith(secondTwin)) return false;
    if (!this.isConnected || this.#wantsCleanStart) return false;
    return (this.publisher?.unanswered ?? 0) === 0 && this.subscriber.isSubscribed;
  }

  start(): void {
    this.#connectIn(this.#chance.between(0, 500));
    if (this.publisher !== undefined) this.#publishLater(this.publisher);
    this.#adventureLater();
  }

  /** From here on it only publishes what it must and stays connected. */
  calmDown(): void {
    this.#isRestless = false;
    this.#retireMaybe();
  }

  /** As a script has it: it connects there, and again when that is lost, beside what it has. */
  comeTo(address: string, isClean: boolean): void {
    this.#addresses = [address];
    this.#staysAway = false;
    if (isClean) this.#wantsCleanStart = true;
    if (this.#connection !== undefined) this.#wills.due(this.#connection, this.#acceptedAt);
    this.#connect();
  }

  /** As a script has it: until it {@link comeTo comes} or is to come back. */
  stayAway(how: 'disconnect' | 'drop' | 'vanish'): void {
    this.#staysAway = true;
    this.#end(how);
  }

  /** Where it was last, unless it is connected. */
  comeBack(): void {
    this.#staysAway = false;
    this.#connectIn(0);
  }

  /** One message more, if it is connected and has not too many unanswered. */
  publish(): void {
    if (this.#connection?.isAccepted === true) this.publisher?.publishNext(this.#connection);
  }

  /** Twins would throw each other out for ever: the second one does not come back. */
  #retireMaybe(): void {
    const isSecond = this.plan.device.endsWith(secondTwin);
    if (isSecond && !this.#isRestless && this.#connection === undefined) this.isRetired = true;
  }

  /** Its broker lost, or may have lost, what it knew: it begins anew. */
  cleanStartWanted(): void {
    this.#wantsCleanStart = true;
    this.subscriber.sessionEnding();
    this.#end('drop');
  }

  #cleanStartAgain(): void {
    if (this.#wantsCleanStart) this.cleanStartWanted();
  }

  settle(): void {
    this.#connection?.settle();
  }

  onPacket(connection: Connection, packet: Received): void {
    if (packet.kind === 'disconnect') {
      this.#world.history.count(`DISCONNECT 0x${packet.code.toString(16)}`);
    }
    if (connection !== this.#connection) return;
    if (packet.kind === 'connack') {
      this.#onConnack(connection, packet.sessionPresent, packet.code);
      return;
    }
    this.publisher?.onPacket(connection, packet);
    this.subscriber.onPacket(connection, packet);
  }

  onLost(connection: Connection): void {
    if (connection !== this.#connection) return;
    this.#wills.due(connection, this.#acceptedAt);
    this.#connection = undefined;
    this.#addressIndex += 1;
    this.#retireMaybe();
    this.#connectIn(this.#chance.around(reconnectMeanMs));
  }

  #connectIn(delayMs: number): void {
    this.#world.scheduler.after(delayMs, () => {
      if (this.#staysAway || this.isRetired) return;
      if (this.#connection === undefined) this.#connect();
    });
  }

  #connect(): void {
    const { plan } = this;
    const { isPersistent, version } = plan;
    const addresses = this.#addresses;
    if (this.#wantsCleanStart) {
      this.#hasSession = false;
      this.subscriber.sessionEnding();
      this.publisher?.forgetSession();
    }
    const address = addresses[this.#addressIndex % addresses.length] as string;
    const cleanStart = !isPersistent || this.#wantsCleanStart;
    this.#world.story.tell(
      plan.device,
      () => `connects to ${address}${cleanStart ? ', clean' : ''}`,
    );
    const fields = {
      clientIdentifier: plan.clientIdentifier,
      cleanStart,
      keepAlive: keepAliveSeconds,
      sessionExpiryInterval: isPersistent ? sessionExpirySeconds : 0,
      receiveMaximum: 1 + this.#chance.below(20),
      will: this.#wills.next(),
    };
    this.#connection?.abandon();
    this.#connection = new Connection(this.#world, plan.device, address, version, fields, this);
  }

  #onConnack(connection: Connection, isPresent: boolean, code: number): void {
    const { history } = this.#world;
    history.answered(connection.node, 'connect', connection.startedAt, code !== 0);
    if (code !== 0) {
      this.#end('drop');
      return;
    }
    const { clientIdentifier, isPersistent, version } = this.plan;
    const isClean = !isPersistent || this.#wantsCleanStart;
    if (isPresent && isClean) {
      history.violated('session present', 'after a clean start', clientIdentifier);
    }
    // 3.1 does not say whether there is a session: the client takes it for granted.
    const sessionPresent = isPresent || (version === 3 && this.#hasSession && !isClean);
    const isLost = !sessionPresent && this.#hasSession && !isClean;
    if (isLost && !this.#wasSetBack() && !this.#mayBeUnknown(connection)) {
      history.violated('session lost', `${clientIdentifier} has none any more`, clientIdentifier);
    }
    this.#acceptedAt = history.now;
    if (!sessionPresent) this.#madeAt = { at: history.now, node: connection.node };
    // A CONNACK of a node whose store refuses promises nothing beyond a crash.
    const isSure = !history.wasRefusing(connection.node, connection.startedAt);
    if (version === 3 && isPersistent && !isSure && !sessionPresent) this.#wantsCleanStart = true;
    if (this.#wantsCleanStart) {
      this.#wantsCleanStart = !isSure;
      if (!isSure) this.#world.scheduler.after(3000, () => this.#cleanStartAgain());
      if (version !== 5) {
        // In 3.x the session of a clean CONNECT is not persistent: connect once more.
        this.subscriber.sessionEnding();
        this.#end('disconnect');
        return;
      }
    }
    this.#hasSession = isPersistent && (isSure || (sessionPresent && this.#hasSession));
    this.subscriber.onConnected(connection, sessionPresent);
    this.publisher?.onConnected(connection, sessionPresent);
  }

  /**
   * Its session was made where this node may not have heard of it: something was between them, or
   * its row was still on its way. Rows "are pushed only after commit" (design 5.5), and it is
   * SUBACK that waits until every member has them (5.6), not CONNACK.
   */
  #mayBeUnknown({ node, startedAt }: Connection): boolean {
    const { history } = this.#world;
    const made = this.#madeAt;
    if (made === undefined || made.node === node) return false;
    if (startedAt - made.at < rowsTravelMs) return true;
    return mayNotKnow(history, made.node, node, made.at, startedAt);
  }

  #wasSetBack(): boolean {
    return this.#world.history.setbacks.some(({ at }) => at >= this.#acceptedAt);
  }

  #end(how: 'disconnect' | 'drop' | 'vanish', awayMs: number = reconnectMeanMs): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#world.story.tell(this.plan.device, () => `ends its connection: ${how}`);
    if (how === 'disconnect') this.#wills.disarm();
    else this.#wills.due(connection, this.#acceptedAt);
    this.#connection = undefined;
    connection.close(how);
    this.#connectIn(this.#chance.around(awayMs));
  }

  #publishLater(publisher: Publisher): void {
    this.#world.scheduler.after(this.#chance.around(publisher.plan.everyMs), () => {
      const connection = this.#connection;
      if (!this.#isRestless) return;
      if (connection?.isAccepted === true) publisher.publishNext(connection);
      this.#publishLater(publisher);
    });
  }

  #adventureLater(): void {
    const { restlessnessMs } = this.plan;
    this.#world.scheduler.after(restlessnessMs / 4 + this.#chance.around(restlessnessMs), () => {
      if (!this.#isRestless) return;
      this.#adventure();
      this.#adventureLater();
    });
  }

  #adventure(): void {
    const connection = this.#connection;
    if (connection?.isAccepted !== true) return;
    const { history } = this.#world;
    const what = this.#chance.weighted(adventures);
    history.count(`client: ${what}`);
    switch (what) {
      case 'connection dropped':
        this.#end('drop');
        return;
      case 'device vanished':
        this.#end('vanish');
        return;
      case 'went away':
        this.#end(this.#chance.pick(['disconnect', 'drop']), 6000);
        return;
      case 'second connection of one device':
        this.#wills.due(connection, this.#acceptedAt);
        this.#connect();
        return;
      case 'clean start':
        if (this.plan.isPersistent) this.cleanStartWanted();
        return;
      case 'stopped reading':
        connection.pauseReading(this.#chance.around(1500));
        return;
      case 'subscribed again':
        this.subscriber.subscribeAgain(connection);
        return;
      case 'unsubscribed':
        this.subscriber.unsubscribeOne(connection);
        return;
      default:
        what satisfies never;
    }
  }
}

const adventures = [
  [4, 'connection dropped'],
  [2, 'device vanished'],
  [3, 'went away'],
  [2, 'second connection of one device'],
  [1, 'clean start'],
  [2, 'stopped reading'],
  [2, 'subscribed again'],
  [2, 'unsubscribed'],
] as const;
