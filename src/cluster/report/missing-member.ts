import type { Site } from '../identity/mod.js';
import type { Classification } from '../membership/mod.js';
import { type Answer, standingOf, utcText, type View, type ViewMember } from '../netsplit/mod.js';

/** A member that this node does not reach, and what others say of it. */
export interface MissingMember {
  readonly member: ViewMember;
  readonly classification: Classification;
}

/** Since when a member is missing, and whether it is dead or only cut off from this node. */
export function absenceText(
  { member, classification }: MissingMember,
  nameOf: (site: Site) => string,
  now: number,
): string {
  const { name, downSince } = member;
  const since =
    downSince === undefined
      ? ''
      : ` since ${utcText(downSince)} (${durationText(now - downSince)})`;
  return `Member ${name} is missing${since}: ${whyText(classification, nameOf)}.`;
}

function whyText(classification: Classification, nameOf: (site: Site) => string): string {
  switch (classification.kind) {
    case 'dead': {
      const asked = classification.asked.map(nameOf).join(', ');
      if (asked !== '') return `dead, for no other member sees it either (asked: ${asked})`;
      return 'it is dead or cut off; there is no other member that this node could ask';
    }
    case 'cutOff': {
      const seenBy = classification.seenBy.map(nameOf).join(', ');
      return `cut off, for this node does not reach it, but others do (${seenBy})`;
    }
    case 'unclear':
    case 'suspect':
    case 'up':
      return 'it went a moment ago, and whether others see it will be known in some seconds';
  }
}

/** What an operator can do, most needed first. */
export function remediesFor(
  missing: readonly MissingMember[],
  answers: readonly Answer[],
  view: View,
): string[] {
  const named = (isCutOff: boolean): string[] =>
    missing
      .filter(({ classification }) => (classification.kind === 'cutOff') === isCutOff)
      .map(({ member }) => member.name);
  const remedies: string[] = [];
  if (missing.length > 1 && missing.length + 1 === view.members.length) {
    remedies.push(
      'No other member is reachable from here, so look at this machine and its network first.',
    );
  }
  const gone = named(false);
  if (gone.length > 0) {
    remedies.push(
      `What to do: start ${gone.join(', ')} again (if its process still runs, it hangs: end it first), or repair the way there. Restarting this node will not help.`,
      forGoodText(gone, view),
    );
  }
  const cutOff = named(true).join(', ');
  if (cutOff !== '') {
    remedies.push(
      `What to do: repair the network between this node and ${cutOff}. Restarting either will not help.`,
    );
  }
  const refused = answers.filter(({ isServed }) => !isServed);
  if (refused.length > 0) remedies.push(...openingTexts(refused, view));
  return remedies;
}

/** A member is removed by a majority; a smaller part says what it risks. */
function forGoodText(gone: readonly string[], view: View): string {
  const force = standingOf(view).hasMajority ? '' : ' --force';
  const commands = gone.map((name) => `vmq-admin cluster leave node=${name}${force}`).join(' and ');
  const risk =
    force === ''
      ? ''
      : '; --force, because the members here are no majority: make sure that the others do not run somewhere else';
  return `Only if ${gone.length === 1 ? 'it' : 'they'} will never return: ${commands}${risk}.`;
}

/** How clients are served in spite of it. */
function openingTexts(refused: readonly Answer[], view: View): string[] {
  const { hasMajority } = standingOf(view);
  const value = hasMajority ? 'majority' : 'on';
  const settings = refused.map(({ setting }) => `${setting}=${value}`).join(' ');
  const command = `To serve clients here meanwhile: vmq-admin set ${settings}`;
  if (hasMajority) return [command];
  return [
    command,
    'If the missing ones serve clients too, both sides may then have one of the same Client Identifier until they meet again.',
  ];
}

/** `2 d 3 h`, `5 min 1 s`: the two largest units. */
function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const units: readonly (readonly [name: string, size: number, per: number])[] = [
    ['d', 86_400, Number.POSITIVE_INFINITY],
    ['h', 3600, 24],
    ['min', 60, 60],
    ['s', 1, 60],
  ];
  const parts = units
    .map(([name, size, per]) => [Math.floor(seconds / size) % per, name] as const)
    .filter(([count]) => count > 0)
    .slice(0, 2);
  return parts.length === 0 ? '0 s' : parts.map((part) => part.join(' ')).join(' ');
}
