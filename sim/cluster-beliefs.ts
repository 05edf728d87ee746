import { Buffer } from 'node:buffer';
import type { Cluster } from '../src/cluster/mod.js';
import { type Row, RowKind, type Tables } from '../src/cluster/metadata/mod.js';
import { readRouteKey } from '../src/cluster/routing/mod.js';
import { readSessionKey } from '../src/cluster/takeover/mod.js';
import type { ClusterView } from './cluster-view.js';

/** What a member believes, read from its tables. What its clients have, they know themselves. */
export function beliefsOf(cluster: Cluster): ClusterView {
  const { site, tables } = cluster;
  const members = cluster.members.map((member) => member.site);
  const overrides = [...kinds].flatMap((kind) => rowsOf(tables, kind));
  return {
    site,
    members: new Set(members),
    reachable: new Set(members.filter((of) => of === site || cluster.stateOf(of) === 'up')),
    tables: digestsOf(tables),
    owners: ownersOf(tables),
    connected: new Set(),
    routes: routesOf(tables),
    subscriptions: new Set(),
    retained: retainedOf(tables),
    remnants: 0,
    overrideRows: overrides.filter((row) => row.isOverride && row.site === site).length,
  };
}

const kinds = Object.values(RowKind);

function rowsOf(tables: Tables, kind: RowKind): Row[] {
  const rows: Row[] = [];
  const cursor = tables.cursor(kind);
  for (let row = cursor.next(); row !== undefined; row = cursor.next()) rows.push(row);
  return rows;
}

function digestsOf(tables: Tables): ClusterView['tables'] {
  const digests = new Map<string, { number: number; sum: bigint }>();
  for (const [site, { number, sumHigh, sumLow }] of tables.vector()) {
    digests.set(site, { number, sum: (BigInt(sumHigh) << 32n) | BigInt(sumLow) });
  }
  return digests;
}

function ownersOf(tables: Tables): Map<string, string> {
  const owners = new Map<string, string>();
  const rows = [...rowsOf(tables, RowKind.Session), ...rowsOf(tables, RowKind.CleanSession)];
  for (const key of new Set(rows.map((row) => row.key))) {
    const kept = tables.winner(RowKind.Session, key);
    const clean = tables.winner(RowKind.CleanSession, key);
    const latest = (kept?.stamp ?? 0) > (clean?.stamp ?? 0) ? kept : clean;
    const client = readSessionKey(key)?.clientIdentifier ?? key;
    if (latest !== undefined) owners.set(client, latest.site);
  }
  return owners;
}

function routesOf(tables: Tables): Map<string, Set<string>> {
  const routes = new Map<string, Set<string>>();
  for (const { key, site, value } of rowsOf(tables, RowKind.Route)) {
    const name = readRouteKey(key);
    if (name === undefined || value === undefined) continue;
    const filter = name.group === '' ? name.filter : `$share/${name.group}/${name.filter}`;
    const sites = routes.get(filter);
    if (sites === undefined) routes.set(filter, new Set([site]));
    else sites.add(site);
  }
  return routes;
}

function retainedOf(tables: Tables): Map<string, string> {
  const retained = new Map<string, string>();
  for (const { key } of rowsOf(tables, RowKind.Retain)) {
    const value = tables.winner(RowKind.Retain, key)?.value;
    if (value !== undefined) retained.set(key, Buffer.from(value).toString('latin1'));
  }
  return retained;
}
