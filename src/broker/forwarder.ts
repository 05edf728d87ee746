import { assert, ByteReader } from '../base/mod.js';
import type { Site } from '../cluster/identity/mod.js';
import { type FrameBody, joined, wholeBody } from '../cluster/link/mod.js';
import type { Cluster } from '../cluster/mod.js';
import {
  type Envelope,
  readEnvelope,
  type RouteName,
  type RouteValue,
} from '../cluster/routing/mod.js';
import type { Metrics } from '../metrics/mod.js';
import { type Message, Publication } from '../queue/mod.js';
import { Confirmation, type Durability } from '../session/mod.js';
import type { FilterEntry } from './filter-entry.js';
import type { RouteOut } from './local-routes.js';
import { OutgoingBodies } from './outgoing-bodies.js';
import { clientOf, type ParkedMessage, type Parking } from './parking.js';
import type { MatchedSite } from './realm.js';
import type { MatchedBody } from './remote-intake.js';
import type { RemoteRouter } from './router.js';
import { SentMessage, type SentMessageHost } from './sent-message.js';
import { SentToGroup, type SentToGroupHost } from './sent-to-group.js';
import type { SharedGroup } from './shared-group.js';

export interface ForwarderHost {
  readonly metrics: Metrics;
  readonly durability: Durability;
  /** Fills the node's publication with a message that was sent, and says who it is for. */
  matchBody(envelope: Envelope, packet: Uint8Array, now: number): MatchedBody;
  /** The member that was to have it could not take it: another one of the group, here or there. */
  redirect(redirection: Redirection, now: number): void;
  /** Undefined: nobody is in it. */
  groupOf(mountpoint: string, group: string, filter: string): SharedGroup | undefined;
}

/** A message of a shared subscription that a member did not take. */
export interface Redirection {
  readonly group: SharedGroup;
  readonly mountpoint: string;
  readonly message: Message;
  /** It is sent no more, but kept until its member comes for it. */
  readonly isLast: boolean;
}

/** Members that are tried for one message of a shared subscription. */
const attemptsMax = 3;

/** Messages from here to other members. */
export class Forwarder implements RemoteRouter, RouteOut, SentMessageHost {
  readonly #host: ForwarderHost;
  readonly #cluster: Cluster;
  readonly #bodies = new OutgoingBodies();
  /** Set once the sessions of this node and of the others are one. */
  parking: Parking | undefined;
  #confirmation: Confirmation | undefined;
  /** Of the message that is being redirected. */
  #attempt = 1;

  constructor(host: ForwarderHost, cluster: Cluster) {
    this.#host = host;
    this.#cluster = cluster;
  }

  // RouteOut

  routeChanged(name: RouteName, value: RouteValue | undefined): void {
    this.#cluster.setRoute(name, value);
  }

  // RemoteRouter

  isReachable(site: Site): boolean {
    return this.#cluster.stateOf(site) === 'up';
  }

  forward(
    publication: Publication,
    sites: readonly MatchedSite[],
    kept: readonly FilterEntry[],
    mountpoint: string,
    now: number,
  ): void {
    const body = this.#bodies.plain(publication, mountpoint, now);
    for (const { site, hasPersistent } of sites) {
      if (publication.qos === 0) {
        this.#cluster.traffic.sendOnce(site, body);
        continue;
      }
      const except = hasPersistent ? (this.parking?.parkedAt(kept, site) ?? []) : [];
      const own =
        except.length === 0
          ? body
          : this.#bodies.except(publication, mountpoint, except.map(clientOf), now);
      if (hasPersistent) this.#send(publication, kept, { site, except }, own, now);
      else this.#sendClean(publication, site, own, now);
    }
  }

  park(publication: Publication, kept: readonly FilterEntry[], now: number): number {
    const count = this.parking?.park(publication, kept, now) ?? 0;
    this.#refuseBeyondBound(now);
    return count;
  }

  forwardToGroup(
    publication: Publication,
    group: SharedGroup,
    site: Site,
    mountpoint: string,
    now: number,
  ): void {
    const body = this.#bodies.forGroup(publication, mountpoint, group, now);
    if (publication.qos === 0) {
      this.#cluster.traffic.sendOnce(site, body);
      return;
    }
    const message = publication.message();
    const confirmation = this.#expect();
    const attempt = this.#attempt;
    const redirect = (isLast: boolean, waiting: Confirmation | undefined, when: number): void => {
      this.#redirect(waiting, attempt + 1, () => {
        this.#host.redirect({ group, mountpoint, message, isLast }, when);
      });
    };
    const host: SentToGroupHost = {
      durability: this.#host.durability,
      park: (when) => this.#parkFor(site, message, group, when),
      redirect: (waiting, when) => redirect(attempt >= attemptsMax, waiting, when),
      takeBack: (parked) => this.takeBack(parked),
    };
    const isWrittenAtOnce = publication.isReceiveStateKept || message.isOurs;
    const sent = new SentToGroup(host, message.qos, isWrittenAtOnce, confirmation);
    if (this.#cluster.traffic.send(site, body, sent, now, this.#batchOf(publication))) return;
    redirect(true, confirmation, now);
    confirmation.settle(0, now);
  }

  #parkFor(site: Site, message: Message, group: SharedGroup, now: number): ParkedMessage[] {
    message.isOurs = true;
    const publication = new Publication();
    publication.fromMessage(message);
    const parked = this.parking?.parkInGroup(publication, group, site, now);
    return parked === undefined ? [] : [parked];
  }

  forwardOurs(
    publication: Publication,
    group: SharedGroup,
    site: Site,
    mountpoint: string,
    now: number,
  ): void {
    const before = this.#confirmation;
    this.#confirmation = undefined;
    this.forwardToGroup(publication, group, site, mountpoint, now);
    this.#confirmation = before;
  }

  parkInGroup(publication: Publication, group: SharedGroup, now: number): boolean {
    const isParked = this.parking?.parkInGroup(publication, group, undefined, now) !== undefined;
    this.#refuseBeyondBound(now);
    return isParked;
  }

  // SentMessageHost

  get ticket(): number {
    return this.#host.durability.ticket;
  }

  get refusing(): boolean {
    return this.#host.durability.refusing;
  }

  parkBody(
    body: FrameBody,
    { site, sentAt, isAccepted }: Parameters<SentMessageHost['parkBody']>[1],
    now: number,
  ): readonly ParkedMessage[] {
    const reader = new ByteReader(joined(body));
    const envelope = readEnvelope(reader);
    assert(envelope !== undefined, 'this node wrote it');
    const { publication, kept } = this.#host.matchBody(envelope, reader.rest(), now);
    const { except } = envelope;
    if (isAccepted) publication.message().isOurs = true;
    if (envelope.group !== '')
      return this.#parkForGroup(envelope, publication.message(), site, now);
    const sent = { site, except, sentAt, wasSent: true };
    return this.parking?.parkUnconfirmed(publication, kept, sent, now) ?? [];
  }

  /** At start: where the member has no session to keep it, another one gets it. */
  #parkForGroup(
    { mountpoint, group: name, filter }: Envelope,
    message: Message,
    site: Site,
    now: number,
  ): ParkedMessage[] {
    const group = this.#host.groupOf(mountpoint, name, filter);
    if (group === undefined) return [];
    const parked = this.#parkFor(site, message, group, now);
    if (parked.length === 0) {
      this.#host.redirect({ group, mountpoint, message, isLast: true }, now);
    }
    return parked;
  }

  takeBack(parked: readonly ParkedMessage[]): void {
    for (const { session, entry } of parked) {
      if (session.isStranded && entry !== undefined) session.handedOver(entry);
    }
  }

  /** At start, when sessions are loaded: what this node owned in place of other members. */
  resume(now: number): void {
    this.#cluster.traffic.restoreSent((site, body) => {
      // Whoever it was for then may be elsewhere, and nothing here says since when.
      const sent = new SentMessage(this, wholeBody(body), site, 0, undefined, false);
      sent.stranded(now);
      return sent;
    });
  }

  takeConfirmation(): Confirmation | undefined {
    const confirmation = this.#confirmation;
    this.#confirmation = undefined;
    return confirmation;
  }

  confirmSubscribed(): Confirmation | undefined {
    const confirmation = new Confirmation(this.#host.durability);
    confirmation.expect();
    return this.#cluster.routeWaits.add(confirmation) ? confirmation : undefined;
  }

  #redirect(confirmation: Confirmation | undefined, attempt: number, again: () => void): void {
    const before = this.#confirmation;
    const ticketBefore = this.#host.durability.ticket;
    this.#confirmation = confirmation;
    this.#attempt = attempt;
    again();
    this.#attempt = 1;
    this.#confirmation = before;
    if (confirmation === undefined) return;
    // Where it stayed here, it is in the batch that is to come.
    const { ticket } = this.#host.durability;
    if (ticket > ticketBefore || ticket > this.#host.durability.durable) {
      confirmation.ticket = Math.max(confirmation.ticket, ticket);
    }
  }

  #refuseBeyondBound(now: number): void {
    if (this.parking?.takeRefusal() === true) this.#expect().refuse(now);
  }

  /** Nobody waits for clean sessions of other members. */
  #sendClean(publication: Publication, site: Site, body: FrameBody, now: number): void {
    const after = this.#batchOf(publication);
    const isDown = this.#cluster.stateOf(site) === 'down';
    if (isDown || !this.#cluster.traffic.send(site, body, undefined, now, after)) {
      this.#host.metrics.queueMessageDrop += 1;
    }
  }

  /** That must be durable before the message leaves this node; 0: none. */
  #batchOf({ isReceiveStateKept }: Publication): number {
    return isReceiveStateKept ? this.#host.durability.ticket : 0;
  }

  #send(
    publication: Publication,
    kept: readonly FilterEntry[],
    { site, except }: { readonly site: Site; readonly except: readonly string[] },
    body: FrameBody,
    now: number,
  ): void {
    // Its sessions are looked for by what it said of them: see `park`.
    if (this.#cluster.stateOf(site) === 'down') return;
    const confirmation = this.#expect();
    const sent = new SentMessage(
      ...([this, body, site, now, confirmation, publication.isReceiveStateKept] as const),
    );
    if (this.#cluster.traffic.send(site, body, sent, now, this.#batchOf(publication))) return;
    const unsent = { site, except: except.map(clientOf), sentAt: now, wasSent: false };
    this.parking?.parkUnconfirmed(publication, kept, unsent, now);
    if (this.parking?.takeRefusal() === true) confirmation.refuse(now);
    else confirmation.settle(this.#host.durability.ticket, now);
  }

  #expect(): Confirmation {
    this.#confirmation ??= new Confirmation(this.#host.durability);
    this.#confirmation.expect();
    return this.#confirmation;
  }
}
