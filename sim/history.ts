import type { Scheduler } from './scheduler.js';

/** A message as its publisher knows it. Times are true milliseconds since the run began. */
export interface Publication {
  readonly id: number;
  /** Client identifier. */
  readonly publisher: string;
  /** Of version 5: a refusal is an answer, after which the next one may be accepted. */
  readonly canBeRefused: boolean;
  readonly topicName: string;
  readonly qos: number;
  readonly retain: boolean;
  /** Without a payload: once it is taken, nothing is retained. */
  readonly isClear: boolean;
  /** A will is published by the broker: `firstSentAt` is when the CONNECT that carried it left. */
  readonly isWill: boolean;
  firstSentAt: number;
  lastSentAt: number;
  /** Nodes that its PUBLISH was sent to. */
  readonly nodes: Set<string>;
  /** Times that its PUBLISH was sent. */
  sends: number;
  /** PUBACK, or a PUBREC, that says yes. */
  acknowledgedAt: number | undefined;
  /** The node that said so; undefined also for wills. */
  acknowledgedBy: string | undefined;
  /** The broker said no, or the publisher gave up: nothing is owed. */
  refusedAt: number | undefined;
}

/** A subscription of one session, from its SUBSCRIBE to its end. */
export interface Subscription {
  readonly clientIdentifier: string;
  /** As in SUBSCRIBE, `$share/group/…` included. */
  readonly filter: string;
  readonly qos: number;
  readonly isPersistent: boolean;
  /** As in {@link Delivery.session}. */
  readonly session: number;
  /** First SUBSCRIBE sent. */
  readonly requestedAt: number;
  acknowledgedAt: number | undefined;
  /** The node that said so. */
  acknowledgedBy: string | undefined;
  /** From here on it may be over: UNSUBSCRIBE or a clean start was sent, or all was lost. */
  endRequestedAt: number | undefined;
  /** From here on it is over: UNSUBACK, CONNACK. */
  endedAt: number | undefined;
}

/** A PUBLISH that a client got and handed to its application. */
export interface Delivery {
  readonly publication: Publication;
  readonly clientIdentifier: string;
  /** Number of the session, over all clients; a new one begins where the broker had none. */
  readonly session: number;
  readonly node: string;
  /** Number of the connection, over all clients. */
  readonly connection: number;
  readonly at: number;
  readonly qos: number;
  readonly dup: boolean;
  readonly retain: boolean;
}

/** Client operations that a policy may refuse while a member is missing. */
export type GateOperation = 'connect' | 'publish' | 'subscribe' | 'unsubscribe';
export const gateOperations: readonly GateOperation[] = [
  'connect',
  'publish',
  'subscribe',
  'unsubscribe',
];

/** Something that excuses an answer that comes late. */
export interface Trouble {
  /** A node, or `client~node` for the way between. */
  readonly subject: string;
  readonly from: number;
  until: number;
  /** The node runs and does nothing: others take it for gone. */
  readonly isAbsence: boolean;
  /** Its process has ended. */
  readonly isDown: boolean;
}

/** An answer that took longer than it may when nothing is wrong. */
export interface SlowOperation {
  /** `release`: PUBREL, which PUBCOMP answers. */
  readonly kind: GateOperation | 'release';
  readonly client: string;
  readonly node: string;
  readonly askedAt: number;
  readonly endedAt: number;
  readonly allowedMs: number;
}

/** A node lost what it had acknowledged: its disk was erased or replaced by an older one. */
export interface Setback {
  readonly node: string;
  readonly at: number;
  /** What was acknowledged until here is still there; -1: nothing is. */
  readonly keptUntil: number;
}

/** A violation that shows at once, told by whoever saw it. */
export interface Violation {
  readonly rule: string;
  readonly what: string;
  /** Words to look for in the story. */
  readonly about: readonly string[];
}

/** The record of a run that the checkers read. */
export class History {
  readonly publications: Publication[] = [];
  readonly subscriptions: Subscription[] = [];
  readonly deliveries: Delivery[] = [];
  readonly troubles: Trouble[] = [];
  readonly slow: SlowOperation[] = [];
  readonly setbacks: Setback[] = [];
  readonly violations: Violation[] = [];
  /** True times at which any node's process ended without being asked to. */
  readonly nodeEnds: number[] = [];
  /** Number of a session → nodes that its client was connected to. */
  readonly homes: Map<number, Set<string>> = new Map();
  /** Client identifier → messages that a broker said it dropped, by reason. */
  readonly drops: Map<string, number> = new Map();
  /** Counts of everything worth counting, for the closing lines. */
  readonly counts: Map<string, number> = new Map();
  /** Nodes know each other. */
  readonly isCluster: boolean;
  readonly #scheduler: Scheduler;
  readonly #downSince = new Map<string, Trouble>();
  /** Nodes that were asked to end: they refuse whatever comes. */
  readonly #stopping = new Set<string>();
  /** `node store` or `node operation` → when that was refused; the last one may be open. */
  readonly #refusals = new Map<string, Trouble[]>();

  constructor(scheduler: Scheduler, isCluster = false) {
    this.#scheduler = scheduler;
    this.isCluster = isCluster;
  }

  get now(): number {
    return this.#scheduler.now;
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  newPublication(
    given: Pick<
      Publication,
      'publisher' | 'canBeRefused' | 'topicName' | 'qos' | 'retain' | 'isClear' | 'isWill'
    >,
  ): Publication {
    const publication: Publication = {
      id: this.publications.length + 1,
      ...given,
      firstSentAt: this.now,
      lastSentAt: this.now,
      nodes: new Set(),
      sends: 0,
      acknowledgedAt: undefined,
      acknowledgedBy: undefined,
      refusedAt: undefined,
    };
    this.publications.push(publication);
    return publication;
  }

  publicationOf(payload: string): Publication | undefined {
    return this.publications[Number.parseInt(payload, 10) - 1];
  }

  /** Something excuses late answers until {@link troubleEnded}. */
  troubleBegan(subject: string, kind: 'absence' | 'down' | 'other' = 'other'): Trouble {
    const what = { isAbsence: kind === 'absence', isDown: kind === 'down' };
    const trouble = { subject, from: this.now, until: Number.POSITIVE_INFINITY, ...what };
    this.troubles.push(trouble);
    return trouble;
  }

  troubleEnded(trouble: Trouble): void {
    trouble.until = Math.min(trouble.until, this.now);
  }

  storeRefuses(node: string, isRefusing: boolean): void {
    this.#refuses(`${node} store`, isRefusing);
  }

  /** What the policy of `node` says, whenever it may have changed. */
  gateIs(node: string, operation: GateOperation, isOpen: boolean): void {
    this.#refuses(`${node} ${operation}`, !isOpen);
  }

  #refuses(subject: string, isRefusing: boolean): void {
    const refusals = this.#refusals.get(subject) ?? [];
    const last = refusals.at(-1);
    const isOpen = last?.until === Number.POSITIVE_INFINITY;
    if (isOpen === isRefusing) return;
    this.#refusals.set(subject, refusals);
    if (isOpen) this.troubleEnded(last);
    else {
      const what = { isAbsence: false, isDown: false };
      refusals.push({ subject, from: this.now, until: Number.POSITIVE_INFINITY, ...what });
    }
  }

  /** Whether `node`, or its disk, had trouble at some time from `since` until now. */
  wasInTrouble(node: string, since: number): boolean {
    const hadTrouble = this.troubles.some(
      ({ subject, until }) => subject === node && until >= since,
    );
    return hadTrouble || this.wasRefusing(node, since);
  }

  /** Whether some store refused at some time between two others. */
  anyRefused(from: number, to: number): boolean {
    const refusals = [...this.#refusals.values()].flat();
    return refusals.some(
      (one) => one.subject.endsWith(' store') && one.until >= from && one.from <= to,
    );
  }

  /** Whether the store of `node` refused at some time from `since` until now. */
  wasRefusing(node: string, since: number): boolean {
    return (this.#refusals.get(`${node} store`) ?? []).some(({ until }) => until >= since);
  }

  /**
   * An operation that was asked for at `askedAt` was answered just now. Refused exactly when
   * somebody had a reason to: the store, or the policy.
   */
  answered(node: string, operation: GateOperation, askedAt: number, isRefused: boolean): void {
    const gates = this.#refusals.get(`${node} ${operation}`) ?? [];
    const needsStore = operation === 'publish' || operation === 'subscribe';
    if (isRefused) {
      this.count(`${operation} refused`);
      if (this.#stopping.has(node)) return;
      if (gates.some(({ until }) => until >= askedAt)) return;
      if (needsStore && this.wasRefusing(node, askedAt)) return;
      this.violated('refused exactly when there is a reason', `${node} refused a ${operation}`);
    } else if (gates.some(({ from, until }) => from < askedAt && until > this.now)) {
      this.violated('refused exactly when there is a reason', `${node} accepted a ${operation}`);
    }
  }

  nodeStops(name: string): void {
    this.#stopping.add(name);
  }

  nodeEnded(name: string): void {
    this.nodeEnds.push(this.now);
    this.#stopping.delete(name);
    for (const subject of this.#refusals.keys()) {
      if (subject.startsWith(`${name} `)) this.#refuses(subject, false);
    }
    if (!this.#downSince.has(name)) this.#downSince.set(name, this.troubleBegan(name, 'down'));
  }

  nodeStarted(name: string): void {
    const trouble = this.#downSince.get(name);
    if (trouble !== undefined) this.troubleEnded(trouble);
    this.#downSince.delete(name);
  }

  dropped(_node: string, clientIdentifier: string, _topicName: string, reason: string): void {
    this.count(`dropped: ${reason}`);
    this.drops.set(clientIdentifier, (this.drops.get(clientIdentifier) ?? 0) + 1);
  }

  violated(rule: string, what: string, ...about: string[]): void {
    this.violations.push({ rule, what, about });
  }
}
