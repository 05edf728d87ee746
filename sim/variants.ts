import type { Patch } from './patched-build.js';

/**
 * A core that breaks one promise on purpose. If no checker sees it, either the checkers cannot
 * fail, or what the variant leaves out is not needed.
 */
export interface Variant {
  readonly name: string;
  /** What it does wrong, and what comes of it. */
  readonly what: string;
  readonly patches: readonly Patch[];
  /** The script, or the seed of a random run of three members, that shows it. */
  readonly seenIn: string | number;
  /** The rule that is violated, among others perhaps. */
  readonly rule: string;
}

const lost = 'no acknowledged message is lost';
const order = 'messages of one publisher, topic and QoS keep their order';

export const variants: readonly Variant[] = [
  {
    name: 'interval check off',
    what: 'rows are taken although some before them are missing, which are then never asked for',
    patches: [
      {
        file: 'cluster/metadata/replica.ts',
        find: 'if (interval.from > table.number || interval.floor > table.number)',
        replace: 'if (false)',
      },
    ],
    seenIn: 'link-lost-under-churn',
    rule: 'equal rows and sums everywhere',
  },
  {
    name: 'rows dropped before the new table is complete',
    what: 'with the first piece of what a restarted member says all is forgotten that it said before',
    patches: [
      {
        file: 'cluster/metadata/replica.ts',
        find: 'this.#snapshot = new Snapshot(interval, now);',
        replace: 'this.#swap(undefined); this.#snapshot = new Snapshot(interval, now);',
      },
    ],
    seenIn: 'slow-snapshot',
    rule: lost,
  },
  {
    name: 'stale boot’s rows kept',
    what: 'what a member said before it was started again stays, also what ended with the process',
    patches: [
      {
        file: 'cluster/metadata/replica.ts',
        find: 'this.#handover = new Handover(old, next);',
        replace: `for (const row of old?.live() ?? []) {
          if (next !== undefined && next.get(row.kind, row.key) === undefined) next.hold(row);
        }
        this.#handover = new Handover(undefined, next);`,
      },
    ],
    seenIn: 'clean-clients-move-on',
    rule: 'routes equal to the subscriptions',
  },
  {
    name: 'silence before up not heard',
    what: 'a connection that dies before its member counts as up is kept for ever',
    patches: [
      {
        file: 'cluster/membership/failure-detector.ts',
        find: 'this.#out.silent(peer.site, this.#silence(silent), now)',
        replace: 'void 0',
      },
    ],
    seenIn: 'silent-before-up',
    rule: 'everybody reaches everybody',
  },
  {
    name: 'messages parked for a node',
    what: 'what was kept for a session goes to the member that had it, wherever the session is now',
    patches: [
      {
        file: 'broker/departures.ts',
        find: 'const owner = this.#host.ownerOf(key);',
        replace: 'const owner = (departure.home ??= this.#host.ownerOf(key));',
      },
    ],
    seenIn: 'parked-then-moved',
    rule: lost,
  },
  {
    name: 'no flush mark',
    what: 'the old owner of a session does not wait for what others have sent it already',
    patches: [
      {
        file: 'broker/departures.ts',
        find: 'if (!silent.has(site))',
        replace: 'if (false)',
      },
    ],
    seenIn: 'move-under-fire',
    rule: lost,
  },
  {
    name: 'acknowledge before owning',
    what: 'a member confirms a message before its disk has it',
    patches: [
      {
        file: 'cluster/flow/peer-flow.ts',
        find: 'else if (ticket === 0)',
        replace: 'else if (ticket >= 0)',
      },
    ],
    seenIn: 'receiver-dies-unsynced',
    rule: lost,
  },
  {
    name: 'dedupe numbers not committed',
    what: 'a member that was started again does not know which messages it has taken',
    patches: [
      {
        file: 'cluster/traffic.ts',
        find: 'this.#disk.flow(site, boot, this.#peers.get(site)?.flow.record(boot));',
        replace: '',
      },
    ],
    seenIn: 'confirmation-lost',
    rule: 'QoS 2 comes exactly once',
  },
  {
    name: 'parked ones not taken back',
    what: 'what was in doubt when a member went down comes again, also when that member had it',
    patches: [
      {
        file: 'broker/sent-message.ts',
        find: 'this.#host.takeBack(this.#parked);',
        replace: '',
      },
    ],
    seenIn: 'confirmation-lost',
    rule: 'QoS 2 comes exactly once',
  },
  {
    name: 'overdue ones not written',
    what: 'a publisher is acknowledged after cluster.ack_timeout though its message is nowhere on disk',
    patches: [
      {
        file: 'cluster/flow/peer-flow.ts',
        find: 'this.#out.sentChanged(this.#site, number, joined(body));',
        replace: '',
      },
    ],
    seenIn: 'sender-dies-overdue',
    rule: lost,
  },
  {
    name: 'nothing kept for groups',
    what: 'a message of a shared subscription that nobody can take now is dropped',
    patches: [
      {
        file: 'broker/forwarder.ts',
        find: 'this.parking?.parkInGroup(publication, group, undefined, now)',
        replace: 'undefined',
      },
    ],
    seenIn: 'group-without-members',
    rule: 'no acknowledged message of a shared subscription is lost',
  },
  {
    name: 'last writer wins without hand-over',
    what: 'who loses a session throws away what waits in it',
    patches: [
      {
        file: 'broker/session-moves.ts',
        find: 'if (!left.persistent || owner.value.born > left.born)',
        replace: 'if (left !== undefined)',
      },
    ],
    seenIn: 'queue-moves',
    rule: lost,
  },
  {
    name: 'vector announced before durable',
    what: 'a member tells what its disk does not have yet, and says of others’ rows that it does',
    patches: [
      {
        file: 'cluster/metadata/own-rows.ts',
        find: 'if (isKept(row) || this.#pendingFrom < this.#pending.length)',
        replace: 'if (false)',
      },
      {
        file: 'cluster/metadata/replica.ts',
        find: 'durable: this.#disk.durable(table.number),',
        replace: 'durable: table.number,',
      },
    ],
    seenIn: 'cleared-unsynced',
    rule: 'retained',
  },
  {
    name: 'no born',
    what: 'what is left of a session that ended goes to the one that came after it',
    patches: [
      { file: 'broker/session-moves.ts', find: '> handover.born', replace: '> Infinity' },
      {
        file: 'broker/session-moves.ts',
        find: '|| owner.value.born > left.born',
        replace: '',
      },
      { file: 'broker/departures.ts', find: '|| owner.born > session.born', replace: '' },
    ],
    seenIn: 'clean-start-during-split',
    rule: 'a session gets nothing from before its time',
  },
  {
    name: 'override row dropped early',
    what: 'a deletion is forgotten before every member has heard of it',
    patches: [
      {
        file: 'cluster/metadata/overrides.ts',
        find: 'if (!this.#isDurableEverywhere(own, ours, others))',
        replace: 'if (false)',
      },
      {
        file: 'cluster/metadata/overrides.ts',
        find: 'if (!isKnownEverywhere(this.#known, ours, others))',
        replace: 'if (false)',
      },
    ],
    seenIn: 'cleared-while-away',
    rule: 'retained',
  },
  {
    name: 'wait without deadline',
    what: 'a client that came for its session waits for the member that has it as long as it takes',
    patches: [
      {
        file: 'broker/arrivals.ts',
        find: 'if (now < pending.until && ',
        replace: 'if (',
      },
    ],
    seenIn: 'state-behind-a-backlog',
    rule: 'no operation waits beyond its deadline',
  },
  {
    name: 'identifier range shared',
    what: 'who goes on with a session without its in-flight state counts identifiers from the start',
    patches: [
      {
        file: 'broker/arrivals.ts',
        find: 'session.identifierRange = this.#host.claims.freshRange(key);',
        replace: '',
      },
    ],
    seenIn: 'held-identifiers',
    rule: lost,
  },
  {
    name: 'SUBACK before the others know',
    what: 'a subscription is acknowledged while a far member does not route to it yet',
    patches: [
      {
        file: 'broker/broker.ts',
        find: 'return this.#router.remote?.confirmSubscribed();',
        replace: 'return undefined;',
      },
    ],
    seenIn: 'far-subscription',
    rule: lost,
  },
  {
    name: 'loser keeps its client',
    what: 'who loses a session does not close the connection of its client',
    patches: [
      {
        file: 'broker/session-moves.ts',
        find: "session?.owner?.disconnect(ReasonCode.SessionTakenOver, 'another connection took over', now);",
        replace: '',
      },
    ],
    seenIn: 'both-sides-of-a-split',
    rule: 'one live connection per client identifier',
  },
  {
    name: 'claims of a member not up yet forgotten',
    what: 'who is told of a later claim before its member counts again keeps the session',
    patches: [
      {
        file: 'broker/session-moves.ts',
        find: 'this.#unheard.add(key, site);',
        replace: 'void 0;',
      },
    ],
    seenIn: 'both-sides-of-a-split-clean',
    rule: 'one live connection per client identifier',
  },
  {
    name: 'wills fired by a minority',
    what: 'a member that sees nobody else publishes the wills of everybody else’s clients',
    patches: [
      {
        file: 'broker/dead-wills.ts',
        find: "if (deadNodeWills === 'majority' && !this.#cluster.presence.hasMajority)",
        replace: 'if (false)',
      },
    ],
    seenIn: 'wills-while-all-are-apart',
    rule: 'a will fires at most once',
  },
  {
    name: 'wills fired by every survivor',
    what: 'each member that sees another one dead publishes the wills of its clients',
    patches: [
      { file: 'broker/dead-members.ts', find: 'if (this.#isChosen(key))', replace: 'if (true)' },
      { file: 'broker/dead-wills.ts', find: 'if (!this.rows.isOurs(open))', replace: 'if (false)' },
      {
        file: 'broker/dead-wills.ts',
        find: 'if (after.site !== site && this.#told.isUntold(key))',
        replace: 'if (false)',
      },
    ],
    seenIn: 'wills-of-a-dead-member',
    rule: 'a will fires at most once',
  },
  {
    name: 'wills fired again by who is back',
    what: 'a restarted member publishes the wills of its clients without asking who did meanwhile',
    patches: [
      {
        file: 'broker/will-rows.ts',
        find: 'return this.#overrideOf(willKey(this.#cluster.site, name), stamp) !== undefined;',
        replace: 'return false;',
      },
    ],
    seenIn: 'wills-of-a-dead-member',
    rule: 'a will fires at most once',
  },
  {
    name: 'no hold after a move',
    what: 'the new owner of a session sends what comes to it before what the old one had',
    patches: [{ file: 'broker/arrivals.ts', find: 'session.hold();', replace: '' }],
    seenIn: 'queue-moves-under-fire',
    rule: order,
  },
  {
    name: 'parked ones overtaken',
    what: 'what comes for a session goes to its owner before what was kept for it has gone',
    patches: [
      {
        file: 'broker/departures.ts',
        find: 'return at < unsent.length || session.lastSequence > lastSequence;',
        replace: 'return false;',
      },
    ],
    seenIn: 'parked-then-back',
    rule: order,
  },
  {
    name: 'unconfirmed ones forgotten',
    what: 'what was sent to a member that died before it confirmed counts as delivered',
    patches: [
      {
        file: 'broker/forwarder.ts',
        find: 'this.parking?.parkUnconfirmed(publication, kept, sent, now) ??',
        replace: '',
      },
    ],
    seenIn: 'receiver-dies-unsynced',
    rule: lost,
  },
  {
    name: 'nothing sent again',
    what: 'what was under way when a link broke is not sent again when it is back',
    patches: [
      {
        file: 'cluster/link/data-sender.ts',
        find: 'if (entry.body !== undefined)',
        replace: 'if (!entry.wasSent)',
      },
    ],
    seenIn: 'link-lost-under-load',
    rule: lost,
  },
  {
    name: 'numbers not looked at',
    what: 'what is sent again after a link broke is taken again',
    patches: [
      {
        file: 'cluster/link/data-receiver.ts',
        find: "return this.#seen.add(sequence) ? 'new' : 'known';",
        replace: "return this.#seen.add(sequence), 'new';",
      },
      {
        file: 'cluster/link/data-receiver.ts',
        find: "assert(isNew, 'a number is owned or refused twice');",
        replace: '',
      },
    ],
    seenIn: 'link-lost-under-load',
    rule: 'QoS 2 comes exactly once',
  },
  {
    name: 'retained by site, not by time',
    what: 'of two retained messages of one topic the one of the higher site counts',
    patches: [
      {
        file: 'broker/retained-rows.ts',
        find: 'isLater(row.stamp, row.site, latest.stamp, latest.site)',
        replace: 'row.site > latest.site',
      },
    ],
    seenIn: 'retained-on-both-sides',
    rule: 'retained',
  },
  {
    name: 'claims by the own clock',
    what: 'a claim is not put above the ones that are known: whose clock is behind never wins',
    patches: [
      {
        file: 'broker/session-claims.ts',
        find: 'value, this.#cluster.stamps.next(now, this.#latestStamp(key))',
        replace: 'value, this.#cluster.stamps.next(now)',
      },
    ],
    seenIn: 'clock-behind',
    rule: lost,
  },
];

/** Throws when there is none of that name. */
export function variantCalled(name: string): Variant {
  const found = variants.find((variant) => variant.name === name);
  if (found === undefined) {
    const names = variants.map((variant) => variant.name).join(', ');
    throw new Error(`there is no variant "${name}", but ${names}`);
  }
  return found;
}
