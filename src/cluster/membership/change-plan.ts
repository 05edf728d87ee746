import { membersMax, type Site, type Stamp } from '../identity/mod.js';
import { isNodeName, type MemberRow } from './member-row.js';
import {
  admissionOf,
  isMajority,
  majorityOf,
  type Member,
  type Members,
  sitesMax,
} from './members.js';
import type { Classification } from './views.js';

/** What somebody wants changed. */
export type ChangeRequest =
  | {
      readonly kind: 'join';
      readonly site: Site;
      readonly name: string;
      readonly address: string;
    }
  /** `node` is a name, or the address of a member. */
  | { readonly kind: 'leave'; readonly node: string };

/** What the rules of a change look at. */
export interface ChangeContext {
  readonly self: Site;
  readonly members: Members;
  /** True for this node, and for members that are up or suspect. */
  readonly isReachable: (site: Site) => boolean;
  /** It is being looked for: it will be reachable, or not, in a moment. */
  readonly isAwaited: (site: Site) => boolean;
  readonly classify: (site: Site) => Classification;
  /** `cluster.tiebreak`; empty: none. */
  readonly tiebreak: string;
}

/** A row as it is now and as it will be. */
export interface Step {
  readonly subject: Site;
  readonly row: Omit<MemberRow, 'state'>;
  readonly kind: 'join' | 'leave';
}

export interface Plan {
  readonly steps: readonly Step[];
  /** Of a member that leaves: what it holds must be taken over before. */
  readonly handsOver: Site | undefined;
  /** For sentences: `D@host joins`. */
  readonly text: string;
  /** The members before the change. */
  readonly voters: readonly Member[];
  readonly force: boolean;
}

/** A plan, or the end of the matter at once: nothing to do, or refused. */
export type Planned =
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'done'; readonly sentence: string }
  | { readonly kind: 'refused'; readonly sentence: string }
  /** Refused while another change is under way. */
  | { readonly kind: 'busy'; readonly sentence: string };

export const forceRisk =
  'forced without a majority: should the members that could not be asked still run together somewhere, they go on with the old list of members, and both sides may take themselves for the majority';

/** What force risks, for whoever may choose it. */
export const bothSidesRisk =
  'at the risk that they still run together somewhere and both sides take themselves for the majority';

/** What a request comes to, by the members as they are. */
export function planOf(
  request: ChangeRequest,
  force: boolean,
  id: Stamp,
  context: ChangeContext,
): Planned {
  const planned =
    request.kind === 'join'
      ? planJoin(request, force, id, context)
      : planLeave(request.node, force, context);
  if (planned.kind !== 'plan') return planned;
  const other = otherChange(context);
  if (other !== undefined) return { kind: 'busy', sentence: underWay(other) };
  if (force || isMajorityOf(context.isReachable, context)) return planned;
  const { counting } = context.members;
  if (isMajorityOf((site) => context.isReachable(site) || context.isAwaited(site), context)) {
    const awaited = counting.filter(({ site }) => context.isAwaited(site)).map(({ name }) => name);
    return { kind: 'busy', sentence: underWay(`${awaited.join(', ')} is being looked for`) };
  }
  return refused(minorityText(request.kind, context));
}

function isMajorityOf(
  isThere: (site: Site) => boolean,
  { members, tiebreak }: ChangeContext,
): boolean {
  const sites = members.counting.map(({ site }) => site).filter((site) => isThere(site));
  return isMajority(new Set(sites), members.counting, tiebreak);
}

function planJoin(
  { site, name, address }: ChangeRequest & { readonly kind: 'join' },
  force: boolean,
  id: Stamp,
  { members, classify }: ChangeContext,
): Planned {
  const voters = members.counting;
  if (members.memberOf(site) !== undefined) {
    return { kind: 'done', sentence: `${name} is a member already` };
  }
  if (members.hasLeft(site)) {
    return refused(
      `${name} comes with the data directory of a member that left, and which cannot return: start it with a new data directory`,
    );
  }
  if (!isNodeName(name)) return refused('the name of a node is printable ASCII without blanks');
  const admission = admissionOf({ name, address }, voters, (member) => classify(member));
  if (admission.kind === 'refused') return refused(admission.sentence);
  const replaced = admission.kind === 'replaces' ? admission.member : undefined;
  if (replaced === undefined && voters.length >= membersMax) {
    return refused(`a cluster has at most ${membersMax} members`);
  }
  if (members.sitesKnown >= sitesMax) {
    return refused(`this cluster has had ${sitesMax} members, and remembers no more`);
  }
  const steps: Step[] = [{ subject: site, row: { name, address, joined: id }, kind: 'join' }];
  if (replaced !== undefined) steps.unshift(leaveStep(replaced));
  const text = replaced === undefined ? `${name} joins` : `${name} joins in place of its lost self`;
  return { kind: 'plan', plan: { steps, handsOver: replaced?.site, text, voters, force } };
}

function planLeave(node: string, force: boolean, { self, members }: ChangeContext): Planned {
  const voters = members.counting;
  const member = members.memberNamed(node);
  if (member === undefined) {
    const names = voters.map(({ name }) => name).join(', ');
    return refused(`no member is called ${node}: the members are ${names}`);
  }
  if (voters.length === 1) return refused('the last member cannot leave: stop it instead');
  if (member.site === self) {
    return refused(`${member.name} cannot carry out its own leaving: ask another member`);
  }
  const steps = [leaveStep(member)];
  const text = `${member.name} leaves`;
  return { kind: 'plan', plan: { steps, handsOver: member.site, text, voters, force } };
}

function leaveStep({ site, name, address, joined }: Member): Step {
  return { subject: site, row: { name, address, joined }, kind: 'leave' };
}

/** One change at a time; what a member that is gone began blocks nobody. */
function otherChange({ self, members, isReachable }: ChangeContext): string | undefined {
  const other = members.pending.find(
    ({ coordinator }) => coordinator !== self && isReachable(coordinator),
  );
  if (other === undefined) return undefined;
  const verb = other.state === 'joining' ? 'joins' : 'leaves';
  return `${other.name} ${verb}`;
}

/** For whoever wants a change while `what` is under way. */
export function underWay(what: string): string {
  return `another change is under way (${what}), and members change one at a time: try again when it is done`;
}

function minorityText(
  kind: ChangeRequest['kind'],
  { members, isReachable }: ChangeContext,
): string {
  const { counting } = members;
  const missing = counting.filter(({ site }) => !isReachable(site)).map(({ name }) => name);
  const present = counting.length - missing.length;
  const needed = majorityOf(counting.length);
  const first = `vmq-admin cluster leave node=${missing[0] ?? ''} --force`;
  const remedy =
    kind === 'leave'
      ? 'repeat it with --force'
      : `first remove those that will not come back (${first})`;
  return `only ${present} of ${counting.length} members are reachable, and a change needs ${needed} (missing: ${missing.join(', ')}): start them, or ${remedy}, ${bothSidesRisk}`;
}

function refused(sentence: string): Planned {
  return { kind: 'refused', sentence };
}
