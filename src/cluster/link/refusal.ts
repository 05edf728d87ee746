import { ByteReader, ByteWriter } from '../../base/mod.js';
import type { Boot, Site } from '../identity/mod.js';

/** Why two nodes do not talk; on the wire in Refused. A newer peer may send others. */
export const RefusalCode = {
  WrongCookie: 1,
  /** Proved that it knows the cookie, but is no member. Said by whoever keeps the list. */
  Stranger: 2,
  LeftSite: 3,
  SelfConnection: 4,
  VersionMismatch: 5,
  OtherCluster: 6,
  /** Two processes claim one boot of one site. */
  Clone: 7,
  /** It continues from a backup; {@link Refusal.highestBoot} says above which boot to go on. */
  StaleBoot: 8,
  Malformed: 9,
  Oversized: 10,
  Timeout: 11,
  /** An earlier process of the site still sends. */
  SecondProcess: 12,
  /** At the address of a member answers another site. */
  OtherSite: 13,
  /** TLS ends before one of the two nodes. */
  TlsMismatch: 14,
  /** More connections than may be in their handshake. */
  TooMany: 15,
} as const;
export type RefusalCode = (typeof RefusalCode)[keyof typeof RefusalCode];

/** What one side objects to. */
export interface Objection {
  readonly code: RefusalCode;
  /** For the logs of both nodes: what is wrong, and what to do about it. */
  readonly sentence: string;
}

/** Who the other end says it is. */
export interface ClaimedPeer {
  readonly site: Site;
  readonly boot: Boot;
  /** Empty while it is not known. */
  readonly name: string;
  /** It knows the cookie. */
  readonly isProved: boolean;
}

/** The end of a handshake that failed; told on both sides, with one sentence. */
export interface Refusal {
  /** A {@link RefusalCode}, or one of a newer peer. */
  readonly code: number;
  readonly sentence: string;
  /** Which of the two refused. */
  readonly by: 'this node' | 'peer';
  /** Undefined when the connection ended before it said anything that could be read. */
  readonly peer: ClaimedPeer | undefined;
  /**
   * The counter of the highest boot of *this* site that the peer knows, if it proved itself; else
   * 0. When it is above the present one, this node must go on above it to be let in.
   */
  readonly highestBoot: number;
}

/** Characters of a sentence that are sent and shown. */
const sentenceMax = 400;

type KnownObjection =
  | 'wrongCookie'
  | 'selfConnection'
  | 'clone'
  | 'tlsMismatch'
  | 'wrongDirection'
  | 'timeout'
  | 'tooMany'
  | 'secondProcess';

/** The sentences are for both logs, so they speak of neither as "this node". */
export const objections: Readonly<Record<KnownObjection, Objection>> = {
  wrongCookie: {
    code: RefusalCode.WrongCookie,
    sentence:
      'the two nodes have different cookies: set distributed_cookie to the same text on both',
  },
  selfConnection: {
    code: RefusalCode.SelfConnection,
    sentence:
      'a node dialled itself: check cluster.seeds, and that cluster.advertised_address differs on every node',
  },
  clone: {
    code: RefusalCode.Clone,
    sentence:
      'two processes claim one identity, so a data directory was copied: stop one of them and start it with an empty data directory',
  },
  tlsMismatch: {
    code: RefusalCode.TlsMismatch,
    sentence:
      'one node speaks TLS and the other does not: use listener.vmqs on both, with no proxy between them that ends TLS',
  },
  wrongDirection: {
    code: RefusalCode.Malformed,
    sentence:
      'of two members the one with the lower site dials: check that cluster.advertised_address of each leads to itself',
  },
  timeout: {
    code: RefusalCode.Timeout,
    sentence:
      'the handshake did not end within 5 seconds: check that the address is a cluster listener, and the load of both nodes',
  },
  tooMany: {
    code: RefusalCode.TooMany,
    sentence:
      'too many connections to the cluster listener have not said who they are: check who can reach it',
  },
  secondProcess: {
    code: RefusalCode.SecondProcess,
    sentence:
      'another process with this identity is still connected: if this lasts, a data directory was copied, and one of the two must start with an empty one',
  },
};

/** What was sent is not what a member sends. `problem` without a full stop. */
export function malformed(problem: string): Objection {
  const remedy = 'only nodes of this cluster may use the cluster listener; VerneMQ nodes cannot';
  return { code: RefusalCode.Malformed, sentence: `${problem}: ${remedy}` };
}

export function oversized(problem: string): Objection {
  return { ...malformed(problem), code: RefusalCode.Oversized };
}

export function versionMismatch(dialler: VersionRange, acceptor: VersionRange): Objection {
  const range = ({ min, max }: VersionRange): string =>
    min === max ? `${min}` : `${min} to ${max}`;
  return {
    code: RefusalCode.VersionMismatch,
    sentence: `no version of the link protocol is common: the dialling node speaks ${range(dialler)}, the other ${range(acceptor)}: upgrade the older node`,
  };
}

/** Only the name that the dialling node gave is told: the other one is not a stranger's to know. */
export function otherCluster(name: string): Objection {
  return {
    code: RefusalCode.OtherCluster,
    sentence: `the dialling node belongs to cluster "${printable(name)}", the other to one of another name: check the address, or give both the same`,
  };
}

export function staleBoot(claimed: number, highest: number): Objection {
  return {
    code: RefusalCode.StaleBoot,
    sentence: `the node says that this is its start number ${claimed}, but number ${highest} was seen: its data directory is an older copy, it goes on above that number`,
  };
}

export function otherSite(expected: Site, found: Site): Objection {
  return {
    code: RefusalCode.OtherSite,
    sentence: `at the address of member ${expected} answers ${found}: if its data directory was lost, remove the old member with cluster leave`,
  };
}

/** Versions that a node speaks, both included. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** Text of somebody else, fit for a log line: no control characters, and not long. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, sentenceMax);
}

/** Body of Refused: code, sentence. It only grows at its end, so that every version reads it. */
export function writeRefused({ code, sentence }: Objection): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(code);
  writer.text(printable(sentence));
  return writer.take();
}

/** Throws `TruncatedRecord`. */
export function readRefused(body: Uint8Array): { code: number; sentence: string } {
  const reader = new ByteReader(body);
  const code = reader.varint();
  return { code, sentence: printable(reader.text()) };
}
