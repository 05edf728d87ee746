import type { Site } from '../identity/mod.js';
import { utcText } from './utc-text.js';

/** What a cluster with a missing member may refuse. */
export type Operation = 'connect' | 'publish' | 'subscribe' | 'unsubscribe';

export const operations: readonly Operation[] = ['connect', 'publish', 'subscribe', 'unsubscribe'];

/**
 * `off`: refused while any member is missing; `on`: never refused; `majority`: refused where not
 * more than half of the members are together, or half of them with the tiebreak.
 */
export type Policy = 'off' | 'on' | 'majority';

export type Policies = Readonly<Record<Operation, Policy>>;

/** The setting that decides about an operation. */
export const policyKeys: Readonly<Record<Operation, string>> = {
  connect: 'allow_register_during_netsplit',
  publish: 'allow_publish_during_netsplit',
  subscribe: 'allow_subscribe_during_netsplit',
  unsubscribe: 'allow_unsubscribe_during_netsplit',
};

/** All four of them, for people. */
export const allKeys = 'allow_*_during_netsplit';

/** The MQTT packet of an operation, as texts for people call it. */
export const packetNames: Readonly<Record<Operation, string>> = {
  connect: 'CONNECT',
  publish: 'PUBLISH',
  subscribe: 'SUBSCRIBE',
  unsubscribe: 'UNSUBSCRIBE',
};

/** A member that counts for majorities, as this node sees it. */
export interface ViewMember {
  readonly site: Site;
  readonly name: string;
  /** A suspect counts as reachable. */
  readonly state: 'up' | 'suspect' | 'down';
  /** In ms since the epoch, while `state` is down; undefined also when it is not known. */
  readonly downSince: number | undefined;
}

/** What this node knows of who is there. */
export interface View {
  readonly self: Site;
  /** This node is one of them, and always reachable whatever stands there. */
  readonly members: readonly ViewMember[];
  /** `cluster.tiebreak`: the name of a node; empty for none. */
  readonly tiebreak: string;
}

/** What a view comes to. */
export interface Standing {
  readonly missing: readonly ViewMember[];
  readonly reachable: number;
  readonly total: number;
  readonly hasMajority: boolean;
  /** There are as many here as missing, so the tiebreak decided. */
  readonly isHalf: boolean;
}

/** Missing members that a sentence names; it may go to a client. */
const namedMax = 8;

export function standingOf({ self, members, tiebreak }: View): Standing {
  const isMissing = ({ site, state }: ViewMember): boolean => site !== self && state === 'down';
  const missing = members.filter(isMissing);
  const total = members.length;
  const reachable = total - missing.length;
  const isHalf = missing.length > 0 && reachable * 2 === total;
  const holdsTiebreak = members.some((one) => one.name === tiebreak && !isMissing(one));
  const hasMajority = reachable * 2 > total || (isHalf && holdsTiebreak);
  return { missing, reachable, total, hasMajority, isHalf };
}

/** The policy table: whether `policy` serves clients where things stand so. */
export function isAllowed({ missing, hasMajority }: Standing, policy: Policy): boolean {
  if (missing.length === 0) return true;
  switch (policy) {
    case 'on':
      return true;
    case 'off':
      return false;
    case 'majority':
      return hasMajority;
  }
}

/**
 * Undefined: `operation` is allowed. Else why not: who is missing, since when, and what decided.
 *
 * `override` is what an authentication back end said about the client; it stands in for the
 * setting, as on and off.
 */
export function refusalOf(
  operation: Operation,
  standing: Standing,
  policy: Policy,
  override: boolean | undefined,
): string | undefined {
  const inForce = override === undefined ? policy : override ? 'on' : 'off';
  if (isAllowed(standing, inForce)) return undefined;
  const missing = missingText(standing.missing);
  if (override !== undefined) return `${missing} (netsplit policy of this client = off)`;
  const setting = `${policyKeys[operation]} = ${policy}`;
  if (policy === 'off') return `${missing} (${setting})`;
  return `${missing}; ${countText(standing)} (${setting})`;
}

/** `member A unreachable since 2026-11-23T10:00:00Z, member B …`. */
export function missingText(missing: readonly ViewMember[]): string {
  const named = missing.slice(0, namedMax).map(({ name, downSince }) => {
    const since = downSince === undefined ? '' : ` since ${utcText(downSince)}`;
    return `member ${name} unreachable${since}`;
  });
  const more = missing.length - named.length;
  if (more > 0) named.push(`and ${more} more`);
  return named.join(', ');
}

/** `1 of 3 members reachable, no majority`, where a majority matters. */
export function countText({ reachable, total, hasMajority, isHalf }: Standing): string {
  const count = `${reachable} of ${total} members reachable`;
  if (isHalf) return `${count}, exactly half, ${hasMajority ? 'with' : 'without'} the tiebreak`;
  return `${count}, ${hasMajority ? 'a' : 'no'} majority`;
}

/** `a, b and c`. */
export function list(texts: readonly string[]): string {
  const last = texts.at(-1) ?? '';
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(', ')} and ${last}`;
}
