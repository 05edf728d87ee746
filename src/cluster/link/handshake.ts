import { Buffer } from 'node:buffer';
import { assert, assertNever, ByteWriter, TruncatedRecord } from '../../base/mod.js';
import { type Boot, compareBoots, type Site } from '../identity/mod.js';
import type { FrameError } from './frame-reader.js';
import { FrameType, LaneKind, writeFrame } from './frames.js';
import {
  type Challenge,
  type Hello,
  macBytes,
  nonceBytes,
  readChallenge,
  readHello,
  readStatement,
  splitProof,
  type Statement,
  writeChallenge,
  writeHello,
  writeStatement,
} from './hello.js';
import {
  type ClaimedPeer,
  malformed,
  type Objection,
  objections,
  otherCluster,
  otherSite,
  oversized,
  printable,
  readRefused,
  type Refusal,
  staleBoot,
  type VersionRange,
  versionMismatch,
  writeRefused,
} from './refusal.js';

/** What this room needs of a cryptographic library. */
export interface LinkCrypto {
  /** HMAC-SHA-256 over the parts one after the other: 32 bytes. */
  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array;
  /** Bytes that nobody can guess. */
  random(count: number): Uint8Array;
}

/** What this node says of itself. Read anew for every connection, for its boot may be raised. */
export interface LocalNode {
  readonly site: Site;
  readonly boot: Boot;
  readonly nodeName: string;
  /** Where the others can dial it, `host:port`. */
  readonly address: string;
  readonly clusterName: string;
  readonly cookie: Uint8Array;
  readonly versions: VersionRange;
}

/** Who is at the other end: it proved that it knows the cookie. */
export interface PeerFacts {
  readonly site: Site;
  readonly boot: Boot;
  readonly nodeName: string;
  /** Where it says that it can be dialled. */
  readonly address: string;
  readonly lane: LaneKind;
  readonly linkId: string;
  /** Of the link protocol: the highest that both speak. */
  readonly version: number;
}

/** Who may come in: kept by the composition. */
export interface LinkJudge {
  /** Of any life of that site's process; undefined for a site never heard of. */
  highestBootOf(site: Site): Boot | undefined;
  /** The peer knows the cookie and its boot is not stale. Undefined: welcome. */
  admit(peer: PeerFacts, now: number): Objection | undefined;
}

export interface HandshakeOut {
  send(frame: Uint8Array): void;
  /** Both sides welcomed each other. Nothing follows. */
  ready(peer: PeerFacts, now: number): void;
  /** The connection is to be closed, after what was sent. Nothing follows. */
  refused(refusal: Refusal, now: number): void;
}

/** What the dialling side knows beforehand. */
export interface DialPlan {
  readonly lane: LaneKind;
  readonly linkId: string;
  /** Whom it means to reach; undefined when it has only an address. */
  readonly site: Site | undefined;
}

/** From the opened connection to the last Welcome; two round trips, so enough for any distance. */
export const handshakeTimeoutMs = 5000;

type State =
  | { readonly name: 'helloAwaited' }
  | { readonly name: 'challengeAwaited'; readonly plan: DialPlan }
  | { readonly name: 'proofAwaited'; readonly plan: DialPlan | undefined }
  | { readonly name: 'welcomeAwaited'; readonly peer: PeerFacts }
  | { readonly name: 'over' };

type Role = 'dialler' | 'acceptor';
type Identity = Pick<PeerFacts, 'site' | 'boot'>;
type Named = Pick<PeerFacts, 'nodeName' | 'address'>;

/** Both ends agree on these bytes before either proves anything; the proofs cover them all. */
interface Transcript {
  readonly hello: Uint8Array;
  readonly challenge: Uint8Array;
}

/**
 * Who is there, proved by both sides, before anything else is read.
 *
 * ```
 *  dialler                                    acceptor
 *     │ Hello: versions, lane, link, who I am, nonce │
 *     │─────────────────────────────────────────────▶│ versions, cluster, itself?
 *     │ Challenge: version, site, boot, nonce        │
 *     │◀─────────────────────────────────────────────│
 *     │ Proof                                        │
 *     │─────────────────────────────────────────────▶│ cookie? boot? member?
 *     │ Proof and names, then Welcome                │
 *     │◀─────────────────────────────────────────────│
 *     │ Welcome          cookie? boot? member?       │
 *     │─────────────────────────────────────────────▶│
 * ```
 *
 * In place of any of them comes Refused, once, with one sentence for both logs. A proof is the HMAC
 * with the cookie over a role, Hello and Challenge as they were sent (so both nonces, both sites,
 * link and lane, and the versions), the TLS exporter, and what the proof says besides: it cannot be
 * replayed, reflected, or carried over to another connection. The dialler proves first, so a port
 * scan gets nothing to guess the cookie with, and no name.
 *
 * Version: each side speaks a range, the highest common one is spoken; none is a refusal.
 */
export class Handshake {
  readonly #local: LocalNode;
  readonly #crypto: LinkCrypto;
  readonly #judge: LinkJudge;
  readonly #exporter: Uint8Array | undefined;
  readonly #out: HandshakeOut;
  readonly #deadline: number;
  #state: State = { name: 'helloAwaited' };
  #hello: Hello | undefined;
  #challenge: Challenge | undefined;
  #transcript: Transcript = { hello: new Uint8Array(0), challenge: new Uint8Array(0) };
  #claimed: ClaimedPeer | undefined;
  /** Of this site, as the peer knows it; 0 until it proved itself. */
  #highestBootTold = 0;

  /** `exporter`: of the connection's TLS session. The connection is open since `now`. */
  constructor(
    local: LocalNode,
    linkCrypto: LinkCrypto,
    judge: LinkJudge,
    exporter: Uint8Array | undefined,
    out: HandshakeOut,
    now: number,
  ) {
    this.#local = local;
    this.#crypto = linkCrypto;
    this.#judge = judge;
    this.#exporter = exporter;
    this.#out = out;
    this.#deadline = now + handshakeTimeoutMs;
  }

  /** This side dialled, so it speaks first. */
  dial(plan: DialPlan): void {
    const local = this.#local;
    this.#hello = {
      versions: local.versions,
      lane: plan.lane,
      isTlsBound: this.#exporter !== undefined,
      site: local.site,
      boot: local.boot,
      linkId: plan.linkId,
      nonce: this.#crypto.random(nonceBytes),
      clusterName: local.clusterName,
      nodeName: local.nodeName,
      address: local.address,
    };
    this.#transcript = { ...this.#transcript, hello: writeHello(this.#hello) };
    this.#state = { name: 'challengeAwaited', plan };
    this.#out.send(writeFrame(FrameType.Hello, this.#transcript.hello));
  }

  /** False once it is over: whatever follows is not the handshake's. */
  onFrame(type: number, body: Uint8Array, now: number): boolean {
    try {
      if (type === FrameType.Refused) this.#onRefused(body, now);
      else this.#onTurn(type, body, now);
    } catch (error) {
      if (!(error instanceof TruncatedRecord)) throw error;
      this.#refuse(malformed('a frame of the handshake ends early'), now);
    }
    return !this.isOver;
  }

  get isOver(): boolean {
    return this.#state.name === 'over';
  }

  /** The bytes were no frames. */
  onFrameError(error: FrameError, now: number): void {
    const objection = error.code === 'oversized' ? oversized : malformed;
    this.#refuse(objection(error.reason), now);
  }

  tick(now: number): void {
    if (now >= this.#deadline) this.#refuse(objections.timeout, now);
  }

  #onTurn(type: number, body: Uint8Array, now: number): void {
    const state = this.#state;
    switch (state.name) {
      case 'helloAwaited':
        if (type === FrameType.Hello) return this.#onHello(body, now);
        break;
      case 'challengeAwaited':
        if (type === FrameType.Challenge) return this.#onChallenge(body, state.plan, now);
        break;
      case 'proofAwaited':
        if (type !== FrameType.Proof) break;
        if (state.plan === undefined) return this.#onDiallersProof(body, now);
        return this.#onAcceptorsProof(body, state.plan, now);
      case 'welcomeAwaited':
        if (type === FrameType.Welcome) return this.#onWelcome(state.peer, now);
        break;
      case 'over':
        return;
      default:
        return assertNever(state);
    }
    this.#refuse(malformed(`a frame of type ${type} came out of turn`), now);
  }

  #onHello(body: Uint8Array, now: number): void {
    const hello = readHello(body);
    if (hello === undefined) return this.#refuse(malformed('no hello of a node came'), now);
    const { site, boot, nodeName: name } = hello;
    this.#claimed = { site, boot, name, isProved: false };
    const objection = this.#objectionToHello(hello);
    if (objection !== undefined) return this.#refuse(objection, now);
    this.#hello = hello;
    this.#challenge = {
      version: Math.min(hello.versions.max, this.#local.versions.max),
      site: this.#local.site,
      boot: this.#local.boot,
      nonce: this.#crypto.random(nonceBytes),
    };
    this.#transcript = { hello: Buffer.from(body), challenge: writeChallenge(this.#challenge) };
    this.#state = { name: 'proofAwaited', plan: undefined };
    this.#out.send(writeFrame(FrameType.Challenge, this.#transcript.challenge));
  }

  #objectionToHello(hello: Hello): Objection | undefined {
    const { versions, clusterName, site } = this.#local;
    const version = Math.min(hello.versions.max, versions.max);
    if (version < Math.max(hello.versions.min, versions.min)) {
      return versionMismatch(hello.versions, versions);
    }
    if (hello.clusterName !== clusterName) return otherCluster(hello.clusterName);
    if (this.#isThisProcess(hello)) return objections.selfConnection;
    if (hello.isTlsBound !== (this.#exporter !== undefined)) return objections.tlsMismatch;
    const isOfLink = hello.lane !== LaneKind.Introduction;
    return isOfLink && hello.site > site ? objections.wrongDirection : undefined;
  }

  #onChallenge(body: Uint8Array, plan: DialPlan, now: number): void {
    const challenge = readChallenge(body);
    const { site, boot, version } = challenge;
    this.#claimed = { site, boot, name: '', isProved: false };
    const { min, max } = this.#local.versions;
    if (version < min || version > max) {
      return this.#refuse(malformed(`version ${version} was chosen, which was not offered`), now);
    }
    if (this.#isThisProcess(challenge)) return this.#refuse(objections.selfConnection, now);
    this.#challenge = challenge;
    this.#transcript = { ...this.#transcript, challenge: Buffer.from(body) };
    this.#state = { name: 'proofAwaited', plan };
    this.#prove('dialler', { highestBoot: this.#highestBootOf(site), acceptor: undefined });
  }

  /** The acceptor proves itself even to one whom it then refuses: it can be believed. */
  #onDiallersProof(body: Uint8Array, now: number): void {
    const statement = this.#verify('dialler', body, now);
    const hello = this.#hello;
    if (statement === undefined) return;
    assert(hello !== undefined, 'a proof without a hello');
    const { nodeName, address } = this.#local;
    const acceptor = { nodeName, address };
    this.#prove('acceptor', { highestBoot: this.#highestBootOf(hello.site), acceptor });
    this.#judgePeer(hello, hello, undefined, now);
  }

  #onAcceptorsProof(body: Uint8Array, plan: DialPlan, now: number): void {
    const statement = this.#verify('acceptor', body, now);
    if (statement === undefined) return;
    assert(this.#challenge !== undefined, 'a proof without a challenge');
    assert(statement.acceptor !== undefined, 'an acceptor without a name');
    this.#judgePeer(this.#challenge, statement.acceptor, plan.site, now);
  }

  #prove(role: Role, statement: Statement): void {
    const bytes = writeStatement(statement);
    this.#out.send(writeFrame(FrameType.Proof, this.#mac(role, bytes), bytes));
  }

  /** What the other end proved; undefined when it did not, and was refused. */
  #verify(role: Role, body: Uint8Array, now: number): Statement | undefined {
    const proof = splitProof(body);
    if (proof === undefined) throw new TruncatedRecord('a proof is short');
    if (!areEqual(proof.mac, this.#mac(role, proof.statement))) {
      this.#refuse(objections.wrongCookie, now);
      return undefined;
    }
    const statement = readStatement(proof.statement, role === 'acceptor');
    if (statement === undefined) this.#refuse(malformed('the node has no proper name'), now);
    else this.#highestBootTold = statement.highestBoot;
    return statement;
  }

  /** The peer proved itself: now it is worth saying who is meant and who is welcome. */
  #judgePeer(who: Identity, named: Named, expected: Site | undefined, now: number): void {
    assert(this.#hello !== undefined && this.#challenge !== undefined, 'judged too early');
    const { site, boot } = who;
    const { nodeName, address } = named;
    this.#claimed = { site, boot, name: nodeName, isProved: true };
    const { lane, linkId } = this.#hello;
    const version = this.#challenge.version;
    const peer = { site, boot, nodeName, address, lane, linkId, version };
    const objection = this.#objectionTo(peer, expected) ?? this.#judge.admit(peer, now);
    if (objection !== undefined) return this.#refuse(objection, now);
    this.#state = { name: 'welcomeAwaited', peer };
    this.#out.send(writeFrame(FrameType.Welcome));
  }

  #objectionTo({ site, boot }: PeerFacts, expected: Site | undefined): Objection | undefined {
    if (site === this.#local.site) return objections.clone;
    if (expected !== undefined && site !== expected) return otherSite(expected, site);
    const highest = this.#judge.highestBootOf(site);
    if (highest === undefined) return undefined;
    const order = compareBoots(boot, highest);
    if (order < 0) return staleBoot(boot.counter, highest.counter);
    return order === 0 && boot.nonce !== highest.nonce ? objections.clone : undefined;
  }

  #onWelcome(peer: PeerFacts, now: number): void {
    this.#state = { name: 'over' };
    this.#out.ready(peer, now);
  }

  #onRefused(body: Uint8Array, now: number): void {
    if (this.isOver) return;
    const { code, sentence } = readRefused(body);
    this.#endRefused({ code, sentence, by: 'peer' }, now);
  }

  #refuse({ code, sentence }: Objection, now: number): void {
    if (this.isOver) return;
    this.#out.send(writeFrame(FrameType.Refused, writeRefused({ code, sentence })));
    this.#endRefused({ code, sentence: printable(sentence), by: 'this node' }, now);
  }

  #endRefused(refusal: Pick<Refusal, 'code' | 'sentence' | 'by'>, now: number): void {
    this.#state = { name: 'over' };
    const highestBoot = this.#highestBootTold;
    this.#out.refused({ ...refusal, peer: this.#claimed, highestBoot }, now);
  }

  #highestBootOf(site: Site): number {
    return this.#judge.highestBootOf(site)?.counter ?? 0;
  }

  #isThisProcess({ site, boot }: Identity): boolean {
    const mine = this.#local.boot;
    return site === this.#local.site && boot.counter === mine.counter && boot.nonce === mine.nonce;
  }

  #mac(role: Role, statement: Uint8Array): Uint8Array {
    const writer = new ByteWriter();
    writer.text(`NautilusMQ link ${role}`);
    writer.blob(this.#transcript.hello);
    writer.blob(this.#transcript.challenge);
    writer.blob(this.#exporter ?? new Uint8Array(0));
    writer.blob(statement);
    return this.#crypto.hmac(this.#local.cookie, writer.take());
  }
}

/** Takes the same time whichever bytes differ. */
function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  assert(one.length === macBytes && other.length === macBytes, 'a mac has 32 bytes');
  let difference = 0;
  for (let at = 0; at < macBytes; at += 1)
    difference |= (one[at] as number) ^ (other[at] as number);
  return difference === 0;
}
