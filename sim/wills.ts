import type { Chance } from './chance.js';
import type { WillMessage } from './codec.js';
import type { Connection } from './connection.js';
import type { History, Publication } from './history.js';

export interface WillPlan {
  readonly topicName: string;
  readonly delaySeconds: number;
}

/** Milliseconds after which the will of a connection is on disk, if nothing is wrong with it. */
const willRecordedMs = 2000;

/** The wills of one client: every connection has its own, so that one that fires twice shows. */
export class Wills {
  readonly #clientIdentifier: string;
  readonly #plan: WillPlan | undefined;
  readonly #chance: Chance;
  readonly #history: History;
  #will: Publication | undefined;

  constructor(
    clientIdentifier: string,
    plan: WillPlan | undefined,
    chance: Chance,
    history: History,
  ) {
    this.#clientIdentifier = clientIdentifier;
    this.#plan = plan;
    this.#chance = chance;
    this.#history = history;
  }

  /** For a CONNECT that is about to be sent. */
  next(): WillMessage | undefined {
    if (this.#plan === undefined) return undefined;
    const { topicName, delaySeconds } = this.#plan;
    const qos = this.#chance.pick([1, 2]);
    this.#will = this.#history.newPublication({
      ...{ publisher: this.#clientIdentifier, canBeRefused: false },
      ...{ topicName, qos, retain: false, isClear: false, isWill: true },
    });
    this.#will.sends = 1;
    return { topicName, payload: `${this.#will.id}:will`, qos, delaySeconds };
  }

  /** A DISCONNECT is sent: whether it arrives in time is open, so nothing is owed. */
  disarm(): void {
    this.#will = undefined;
  }

  /** The connection ends without a DISCONNECT: from here on its will is owed, unless it waits. */
  due(connection: Connection, acceptedAt: number): void {
    const will = this.#will;
    this.#will = undefined;
    if (will === undefined || !connection.isAccepted || this.#plan?.delaySeconds !== 0) return;
    const history = this.#history;
    // Its record is written with the next batch, for which CONNACK does not wait.
    const isRecorded =
      history.now - acceptedAt > willRecordedMs &&
      !history.nodeEnds.some((at) => at >= connection.startedAt) &&
      !history.wasInTrouble(connection.node, connection.startedAt);
    will.nodes.add(connection.node);
    if (isRecorded) will.acknowledgedAt = history.now;
  }
}
