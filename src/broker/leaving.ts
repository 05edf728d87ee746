import type { Site } from '../cluster/identity/mod.js';
import { type Row, RowKind, type Tables } from '../cluster/metadata/mod.js';
import { readSessionValue } from '../cluster/takeover/mod.js';
import { ReasonCode } from '../packet/mod.js';
import type { SessionMoves } from './session-moves.js';

export interface LeavingHost {
  readonly clock: { now(): number };
  readonly sessionCount: number;
  /** Wills of its clients whose sessions nobody has. True: there were no more of them. */
  releaseWills(site: Site, now: number): boolean;
  disconnectAll(reasonCode: number, reason: string, now: number): void;
}

/** Sessions that are claimed in one step. */
const stepMax = 200;

/**
 * The end of a membership, as far as sessions go: whoever carries it out claims those of the member
 * that leaves, and a live one hands over what it has of them, as in any other move.
 */
export class Leaving {
  readonly #host: LeavingHost;
  readonly #moves: SessionMoves;
  readonly #tables: Tables;

  constructor(host: LeavingHost, moves: SessionMoves, tables: Tables) {
    this.#host = host;
    this.#moves = moves;
    this.#tables = tables;
  }

  isEmpty(): boolean {
    return this.#host.sessionCount === 0 && !this.#moves.isHandingOver;
  }

  isHandedOver(): boolean {
    return !this.#moves.isHandingOver;
  }

  /** Clients that are here go elsewhere; without `kill` they may stay as long as they like. */
  drain(kill: boolean): void {
    if (!kill) return;
    const now = this.#host.clock.now();
    this.#host.disconnectAll(ReasonCode.UseAnotherServer, 'this node leaves the cluster', now);
  }

  resume(): void {
    // Nothing was closed but connections.
  }

  /**
   * Claims sessions of `site`: all (`isDead`), or those without a connection. True: there were no
   * more of them.
   */
  adopt(site: Site, isDead: boolean): boolean {
    const now = this.#host.clock.now();
    const adopted: Row[] = [];
    const rows = this.#tables.cursor(RowKind.Session);
    for (let row = rows.next(); row !== undefined && adopted.length < stepMax; row = rows.next()) {
      if (row.site === site && this.#isWanted(row, isDead, now)) adopted.push(row);
    }
    for (const { key } of adopted) this.#moves.adopt(key, now);
    if (adopted.length === stepMax) return false;
    return !isDead || this.#host.releaseWills(site, now);
  }

  #isWanted(row: Row, isDead: boolean, now: number): boolean {
    if (!this.#tables.wins(row)) return false;
    const value = row.value === undefined ? undefined : readSessionValue(row.value);
    if (value === undefined || (!isDead && value.disconnectedAt === 0)) return false;
    return !this.#moves.isExpired(row.key, now);
  }
}
