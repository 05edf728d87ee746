import {
  allKeys,
  countText,
  isAllowed,
  list,
  type Operation,
  operations,
  packetNames,
  type Policies,
  type Policy,
  policyKeys,
  standingOf,
  type View,
} from './policy.js';

/** What clients get for one operation, for `cluster show`, `/health` and machines. */
export interface Answer {
  readonly operation: Operation;
  readonly packet: string;
  readonly isServed: boolean;
  /** The setting that decides, and its value. */
  readonly setting: string;
  readonly policy: Policy;
  /** One sentence for people. */
  readonly sentence: string;
}

/** How a refusal looks to clients. */
const refusedAs: Readonly<Record<Operation, string>> = {
  connect: 'CONNACK 3, in MQTT 5 0x88, and the connection is closed',
  publish: 'QoS 0 is dropped; QoS 1 and 2 get 0x83 in MQTT 5 and no acknowledgement before it',
  subscribe: 'SUBACK 0x80, in MQTT 5 0x83',
  unsubscribe: 'UNSUBACK 0x83 in MQTT 5, no answer before it',
};

/** What clients get right now for each of the four operations, and why. */
export function answersOf(view: View, policies: Policies): Answer[] {
  const standing = standingOf(view);
  return operations.map((operation) => {
    const policy = policies[operation];
    const isServed = isAllowed(standing, policy);
    const packet = packetNames[operation];
    const setting = policyKeys[operation];
    const why = `${setting} = ${policy}`;
    const count = policy === 'majority' ? `, and ${countText(standing)}` : '';
    const verdict = isServed ? 'is served' : `is refused (${refusedAs[operation]})`;
    const isSplit = standing.missing.length > 0;
    const sentence = isSplit ? `${packet} ${verdict}: ${why}${count}.` : `${packet} is served.`;
    return { operation, packet, isServed, setting, policy, sentence };
  });
}

/**
 * What the settings mean for the day on which a member is lost, while all may still be well: for
 * the start log, `cluster join` and `cluster show`. Empty: losing any one member stops nothing.
 */
export function adviceFor(view: View, policies: Policies): string[] {
  if (view.members.length < 2) return [];
  const off = operations.filter((one) => policies[one] === 'off');
  const majority = operations.filter((one) => policies[one] === 'majority');
  const advice: string[] = [];
  if (off.length > 0) advice.push(offAdvice(off, view));
  if (majority.length > 0) advice.push(...majorityAdvice(majority, view));
  return advice;
}

function keysText(some: readonly Operation[]): string {
  if (some.length === operations.length) return `all four ${allKeys}`;
  return some.map((one) => policyKeys[one]).join(', ');
}

function offAdvice(off: readonly Operation[], { members }: View): string {
  const packets = list(off.map((one) => packetNames[one]));
  const keys = keysText(off);
  const what =
    off.length === operations.length
      ? 'losing any one member will stop this cluster'
      : `losing any one member will stop ${packets} in this cluster`;
  const better = members.length === 2 ? 'on' : 'majority';
  return `${what}: while one of the ${members.length} members is missing, the others refuse ${packets}; to go on serving, set ${keys} to ${better}.`;
}

/** An odd count needs none: there is a majority on one side of every split in two. */
function majorityAdvice(majority: readonly Operation[], view: View): string[] {
  const { members, tiebreak } = view;
  const holder = members.find(({ name }) => name === tiebreak);
  const advice: string[] = [];
  if (tiebreak !== '' && holder === undefined) {
    advice.push(`cluster.tiebreak = ${tiebreak} names no member, so it decides nothing.`);
  }
  if (members.length % 2 === 1) return advice;
  const packets = list(majority.map((one) => packetNames[one]));
  const keys = keysText(majority);
  const half = members.length / 2;
  if (members.length === 2) {
    const other = members.find((one) => one !== holder)?.name ?? '';
    advice.push(
      holder === undefined
        ? `losing either of the 2 members will stop ${packets} on the other, for one of two is no majority: set ${keys} to on, or cluster.tiebreak to the member that shall go on alone, or add a third member.`
        : `losing ${holder.name} will stop ${packets} on ${other}; losing ${other} stops nothing, for ${holder.name} holds the tiebreak. If neither may stop, set ${keys} to on, or add a third member.`,
    );
    return advice;
  }
  advice.push(
    holder === undefined
      ? `with ${members.length} members ${half - 1} may be lost; losing ${half}, or a split into halves, will stop ${packets} everywhere, for half is no majority: add a member, or set cluster.tiebreak to one whose half shall go on.`
      : `with ${members.length} members ${half - 1} may be lost, or ${half} that do not include ${holder.name}, which holds the tiebreak; losing ${holder.name} and ${half - 1} more will stop ${packets} everywhere.`,
  );
  return advice;
}
