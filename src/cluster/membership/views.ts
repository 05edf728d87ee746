import { membersMax, type Site } from '../identity/mod.js';
import type { PeerState } from './failure-detector.js';
import type { HeartbeatBody } from './heartbeat-body.js';

/** What can be said of a member that this node hears or does not. */
export type Classification =
  | { readonly kind: 'up' }
  | { readonly kind: 'suspect' }
  /** It went a moment ago: those that judge later may still call it up. */
  | { readonly kind: 'unclear' }
  /** Nobody hears it. Without others to ask, `asked` is empty, and it may be cut off as well. */
  | { readonly kind: 'dead'; readonly asked: readonly Site[] }
  /** Others hear it: only this node does not. */
  | { readonly kind: 'cutOff'; readonly seenBy: readonly Site[] };

/** One line of who sees whom: what `observer` says; undefined: it has not said anything lately. */
export interface MatrixRow {
  readonly observer: Site;
  readonly words: ReadonlyMap<Site, PeerState> | undefined;
}

/** What this node itself concluded of a peer; {@link FailureDetector.statusOf} gives it. */
export interface OwnJudgement {
  readonly state: PeerState;
  /** In ms: of a peer that is down, when it was last heard of. */
  readonly since: number;
}

interface Report {
  readonly words: ReadonlyMap<Site, PeerState>;
  /** When it came, by this node's clock. */
  readonly at: number;
  /** By how much the sender's clock is ahead, in ms. */
  readonly offsetMs: number;
  /** The sender's clock, so that what was overtaken is known. */
  readonly clock: number;
}

/** What somebody said longer ago than this, in ms, is not what he sees: five heartbeats. */
const freshMs = 2500;

/** Until all have noticed a death, in ms after the last sign of life: silence takes longest. */
const settleMs = 4000;

/**
 * What the members say of each other, and of the time. Reports of peers that are silent age away.
 */
export class Views {
  readonly #self: Site;
  readonly #reports: Map<Site, Report> = new Map();
  /** When somebody last said of a member that it hears it, in ms. At most `membersMax`. */
  readonly #seenAt: Map<Site, number> = new Map();
  /** By how much clocks were ahead when they were last heard of. At most `membersMax`. */
  readonly #offsets: Map<Site, number> = new Map();

  constructor(self: Site) {
    this.#self = self;
  }

  /**
   * A heartbeat of the member `site`, on either lane. `roundTripMs`: the link's, undefined when not
   * known. Undefined: it was overtaken on the other lane. Else what it says of this node.
   */
  onHeartbeat(
    site: Site,
    body: HeartbeatBody,
    roundTripMs: number | undefined,
    now: number,
  ): PeerState | undefined {
    const known = this.#reports.get(site);
    const isFresh = known !== undefined && now - known.at < freshMs;
    if (isFresh && body.clock < known.clock) return undefined;
    if (known === undefined && this.#reports.size >= membersMax) return undefined;
    const { clock, words } = body;
    const offsetMs = clock + (roundTripMs ?? 0) / 2 - now;
    this.#reports.set(site, { words, clock, at: now, offsetMs });
    note(this.#offsets, site, offsetMs);
    for (const [about, word] of words) if (word === 'up') note(this.#seenAt, about, now);
    return words.get(this.#self) ?? 'down';
  }

  /** It left, or its link ended: what it said is not what it says. */
  forget(site: Site): void {
    this.#reports.delete(site);
  }

  /** When a peer last said that it hears `site`, in ms; 0: nobody has. */
  seenAt(site: Site): number {
    return this.#seenAt.get(site) ?? 0;
  }

  /** By how much, in ms, its clock was ahead when it was last heard of; undefined: it never was. */
  clockOffsetOf(site: Site): number | undefined {
    return this.#offsets.get(site);
  }

  /** Whether `site`, of which this node thinks `own`, is dead or only cut off from here. */
  classify(site: Site, own: OwnJudgement, now: number): Classification {
    if (own.state !== 'down') return { kind: own.state };
    const asked: Site[] = [];
    const seenBy: Site[] = [];
    for (const [observer, { words, at }] of this.#reports) {
      if (observer === site || now - at >= freshMs) continue;
      asked.push(observer);
      if (words.get(site) === 'up') seenBy.push(observer);
    }
    if (seenBy.length === 0) return { kind: 'dead', asked: asked.sort() };
    if (now - own.since < settleMs) return { kind: 'unclear' };
    return { kind: 'cutOff', seenBy: seenBy.sort() };
  }

  /** Who sees whom: this node first, then `members` in their order. */
  matrix(
    own: ReadonlyMap<Site, PeerState>,
    members: readonly Site[],
    now: number,
  ): readonly MatrixRow[] {
    const others = members.filter((site) => site !== this.#self);
    return [
      { observer: this.#self, words: own },
      ...others.map((observer) => {
        const report = this.#reports.get(observer);
        const isFresh = report !== undefined && now - report.at < freshMs;
        return { observer, words: isFresh ? report.words : undefined };
      }),
    ];
  }

  /** By how much, in ms, the clocks of those that are heard are ahead of this node's. */
  clockOffsets(now: number): ReadonlyMap<Site, number> {
    const offsets = new Map<Site, number>();
    for (const [site, { at, offsetMs }] of this.#reports) {
      if (now - at < freshMs) offsets.set(site, offsetMs);
    }
    return offsets;
  }
}

/** Members come and go: whoever was noted first makes room. */
function note(map: Map<Site, number>, site: Site, value: number): void {
  const [oldest] = map.keys();
  if (map.size >= membersMax && !map.has(site) && oldest !== undefined) map.delete(oldest);
  map.set(site, value);
}
