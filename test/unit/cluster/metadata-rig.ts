/** A node with nothing but its tables, a disk that forgets what was not committed, a follower. */
import assert from 'node:assert/strict';
import { isLater, type Boot, type Site, type Stamp } from '../../../src/cluster/identity/mod.js';
import {
  type Applied,
  type Ask,
  encodeInterval,
  type Interval,
  type Row,
  RowKind,
  Tables,
  type TablesOut,
  type Vector,
} from '../../../src/cluster/metadata/mod.js';

export function siteOf(name: number): Site {
  return name.toString(16).padStart(32, '0');
}

export function bootOf(counter: number): Boot {
  return { counter, nonce: counter.toString(16).padStart(16, 'b') };
}

const name = (kind: RowKind, key: string): string => `${kind} ${key}`;

interface Shelf {
  boot: Boot | undefined;
  number: number;
  readonly rows: Map<string, Row>;
}

/** Everything that is on disk, by site. */
type Disk = Map<Site, Shelf>;

export const kinds: readonly RowKind[] = Object.values(RowKind);

export class Node implements TablesOut {
  readonly site: Site;
  readonly sites: readonly Site[];
  counter = 0;
  readonly disk: Disk = new Map();
  /** Told to the disk and not yet committed. */
  #unwritten: (() => void)[] = [];
  tables: Tables;
  /** What somebody knows who only listens to the changes. */
  followed: Map<string, Row> = new Map<string, Row>();
  readonly divergences: Site[] = [];
  readonly ends: Site[] = [];
  /** Own rows that an override of another site has beaten: to be removed. */
  #beaten: Row[] = [];

  constructor(site: Site, sites: readonly Site[]) {
    this.site = site;
    this.sites = sites;
    this.tables = this.start();
  }

  /** A new boot from what is on disk. */
  start(): Tables {
    this.counter += 1;
    this.#unwritten = [];
    this.#beaten = [];
    this.followed = new Map();
    const own = this.disk.get(this.site)?.rows.values() ?? [];
    this.tables = new Tables(this.site, bootOf(this.counter), [...own], this);
    for (const site of this.sites) this.tables.admit(site);
    for (const [site, { boot, number, rows }] of this.disk) {
      if (site === this.site || boot === undefined) continue;
      this.tables.restore({ site, boot, number, rows: [...rows.values()] });
    }
    return this.tables;
  }

  changed(kind: RowKind, key: string, site: Site, before?: Row, after?: Row): void {
    const id = `${site} ${name(kind, key)}`;
    assert.equal(this.followed.get(id)?.number, before?.number, `what was told of ${id}`);
    if (after === undefined) this.followed.delete(id);
    else this.followed.set(id, after);
    if (after?.isOverride === true && site !== this.site) this.#beaten.push(after);
  }

  diverged(site: Site): void {
    this.divergences.push(site);
  }

  ended(site: Site): void {
    this.ends.push(site);
    this.#unwritten.push(() => this.disk.delete(site));
  }

  persist(site: Site, row: Row): void {
    assert.equal(row.site, site);
    this.#unwritten.push(() => this.#shelf(site).rows.set(name(row.kind, row.key), row));
  }

  forget(site: Site, kind: RowKind, key: string): void {
    this.#unwritten.push(() => this.#shelf(site).rows.delete(name(kind, key)));
  }

  place(site: Site, boot: Boot, number: number): void {
    this.#unwritten.push(() => {
      const shelf = this.#shelf(site);
      shelf.boot = boot;
      shelf.number = number;
      this.tables.durable(site, boot, number);
    });
  }

  /** Own rows that lost are deleted, as their owner should do. */
  act(): void {
    const beaten = this.#beaten;
    this.#beaten = [];
    for (const override of beaten) {
      const own = this.tables.get(this.site, override.kind, override.key);
      if (own === undefined || own.isOverride) continue;
      if (isLater(override.stamp, override.site, own.stamp, own.site)) {
        this.tables.remove(own.kind, own.key);
      }
    }
  }

  /** All that was told to the disk is there now. */
  commit(): void {
    const number = this.tables.lastNumber;
    const unwritten = this.#unwritten;
    this.#unwritten = [];
    for (const write of unwritten) write();
    this.tables.durable(this.site, bootOf(this.counter), number);
  }

  /** Takes an interval as it comes over the wire. */
  take(interval: Interval, now = 0): Applied {
    const decoded = this.tables.decode(encodeInterval(interval));
    assert.ok(!('code' in decoded), 'what we encode we can decode');
    assert.deepEqual(plain(decoded), plain(interval));
    return this.tables.apply(decoded, now);
  }

  put(kind: RowKind, key: string, value: string, stamp: Stamp): Row {
    return this.tables.put(kind, key, Buffer.from(value), stamp);
  }

  /** Live rows of a site, as a lookup sees them. */
  rowsOf(site: Site): Map<string, Row> {
    const rows = new Map<string, Row>();
    for (const kind of kinds) {
      const cursor = this.tables.cursor(kind);
      for (let row = cursor.next(); row !== undefined; row = cursor.next()) {
        if (row.site !== site) continue;
        assert.deepEqual(this.tables.get(site, kind, row.key), row);
        rows.set(name(kind, row.key), row);
      }
    }
    return rows;
  }

  text(site: Site, kind: RowKind, key: string): string | undefined {
    const value = this.tables.get(site, kind, key)?.value;
    return value === undefined ? undefined : Buffer.from(value).toString();
  }

  #shelf(site: Site): Shelf {
    let shelf = this.disk.get(site);
    if (shelf === undefined) {
      shelf = { boot: undefined, number: 0, rows: new Map() };
      this.disk.set(site, shelf);
    }
    return shelf;
  }
}

function plain(interval: Interval): unknown {
  const rows = interval.rows.map((row) => ({ ...row, value: row.value && Buffer.from(row.value) }));
  return { ...interval, rows };
}

/** What a row says, without objects that only this node has. */
export function said(rows: ReadonlyMap<string, Row>): string[] {
  return [...rows]
    .map(([id, row]) => {
      const value = row.value === undefined ? 'deleted' : Buffer.from(row.value).toString('latin1');
      return `${id} #${row.number} @${row.stamp} ${value}`;
    })
    .sort();
}

/** Asks of `to` are answered by `from`, all of them, over a link that loses nothing. */
export function exchange(to: Node, from: Node, bytesMax = 1000, now = 0): number {
  let taken = 0;
  const asks: Ask[] = to.tables.missing(from.site, from.tables.vector());
  for (let ask = asks.shift(); ask !== undefined; ask = asks.shift()) {
    const interval = from.tables.interval(ask, bytesMax);
    if (interval === undefined) continue;
    taken += 1;
    assert.ok(taken < 10_000, 'an exchange that does not end');
    const result = to.take(interval, now);
    if (result.outcome === 'more' || result.outcome === 'gap') asks.push(result.ask);
  }
  return taken;
}

/** Everybody asks everybody until nobody learns anything. */
export function quiet(nodes: readonly Node[], bytesMax = 1000, now = 0): void {
  for (let round = 0; ; round += 1) {
    assert.ok(round < 100, 'quiet never comes');
    const before = JSON.stringify(nodes.map(vectorOf));
    for (const to of nodes) {
      for (const from of nodes) {
        if (to !== from) exchange(to, from, bytesMax, now);
        while (to.tables.step(100)) {
          // Until all is in force.
        }
      }
      to.act();
      to.commit();
    }
    if (JSON.stringify(nodes.map(vectorOf)) === before) return;
  }
}

export function vectorOf(node: Node): [Site, unknown][] {
  return [...node.tables.vector()].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** The last vectors of the others, as the composition keeps them. */
export function othersOf(node: Node, nodes: readonly Node[]): Map<Site, Vector> {
  const others = nodes.filter((other) => other !== node);
  return new Map(others.map((other) => [other.site, other.tables.vector()]));
}

/** Every node has the same rows of every site, sums and what was told of changes included. */
export function assertEqual(nodes: readonly Node[], owners: readonly Node[] = nodes): void {
  for (const node of nodes) {
    const told = new Map<string, Row>();
    for (const owner of owners) {
      const rows = node.rowsOf(owner.site);
      assert.deepEqual(said(rows), said(owner.rowsOf(owner.site)), 'rows');
      const [ours, theirs] = [node, owner].map((one) => one.tables.position(owner.site));
      assert.deepEqual(
        [ours?.number, ours?.sumHigh, ours?.sumLow, ours?.isPartial],
        [theirs?.number, theirs?.sumHigh, theirs?.sumLow, theirs?.isPartial],
      );
      for (const [id, row] of rows) told.set(`${owner.site} ${id}`, row);
    }
    assert.deepEqual(said(node.followed), said(told), 'what was told');
    assert.deepEqual(node.divergences, []);
  }
}
