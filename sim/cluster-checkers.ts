import type { ClusterView } from './cluster-view.js';
import type { Violation } from './history.js';

/** What each node that is up believes, once everything is quiet. */
export type Views = ReadonlyMap<string, ClusterView>;

interface ClusterChecker {
  readonly rule: string;
  /** Sentences: what is wrong. */
  check(views: Views): Iterable<string>;
}

/** The first node's word is taken; every other one must say the same. */
function* differences<Value>(
  views: Views,
  what: string,
  valueOf: (view: ClusterView) => ReadonlyMap<string, Value>,
  text: (value: Value | undefined) => string,
): Generator<string> {
  const [first, ...others] = views;
  if (first === undefined) return;
  const [firstName, firstView] = first;
  const reference = valueOf(firstView);
  for (const [name, view] of others) {
    const values = valueOf(view);
    for (const key of new Set([...reference.keys(), ...values.keys()])) {
      const [one, other] = [text(reference.get(key)), text(values.get(key))];
      if (one !== other) yield `${what} ${key}: ${one} on ${firstName}, ${other} on ${name}`;
    }
  }
}

const allReachable: ClusterChecker = {
  rule: 'everybody reaches everybody',
  *check(views) {
    for (const [name, { members, reachable }] of views) {
      const missing = [...members].filter((member) => !reachable.has(member));
      if (missing.length > 0) yield `${name} does not reach ${missing.join(', ')}`;
    }
  },
};

const equalRows: ClusterChecker = {
  rule: 'equal rows and sums everywhere',
  check: (views) =>
    differences(
      views,
      'rows of',
      ({ tables }) => tables,
      (digest) => (digest === undefined ? 'none' : `${digest.number}, sum ${digest.sum}`),
    ),
};

const oneOwner: ClusterChecker = {
  rule: 'one owner per client identifier',
  *check(views) {
    yield* differences(
      views,
      'owner of',
      ({ owners }) => owners,
      (owner) => owner ?? 'nobody',
    );
    const connectedTo = new Map<string, string>();
    for (const [name, { connected }] of views) {
      for (const client of connected) {
        const other = connectedTo.get(client);
        if (other !== undefined) yield `${client} is connected to ${other} and to ${name}`;
        connectedTo.set(client, name);
      }
    }
  },
};

const equalRoutes: ClusterChecker = {
  rule: 'routes equal to the subscriptions',
  *check(views) {
    yield* differences(
      views,
      'route of',
      ({ routes }) => routes,
      (sites) => [...(sites ?? [])].sort().join(' ') || 'nobody',
    );
    for (const [name, { site, routes, subscriptions }] of views) {
      for (const filter of subscriptions) {
        if (routes.get(filter)?.has(site) !== true) yield `${name} has no route for its ${filter}`;
      }
      for (const [filter, sites] of routes) {
        if (!sites.has(site) || subscriptions.has(filter)) continue;
        yield `${name} has a route and no subscription for ${filter}`;
      }
    }
  },
};

const equalRetained: ClusterChecker = {
  rule: 'retained equal',
  check: (views) =>
    differences(
      views,
      'retained for',
      ({ retained }) => retained,
      (payload) => payload ?? 'nothing',
    ),
};

const nothingStranded: ClusterChecker = {
  rule: 'no override row and no remnant left',
  *check(views) {
    for (const [name, { remnants, overrideRows }] of views) {
      if (remnants > 0) yield `${remnants} remnants on ${name}`;
      if (overrideRows > 0) yield `${overrideRows} override rows on ${name}`;
    }
  },
};

const checkers: readonly ClusterChecker[] = [
  allReachable,
  equalRows,
  oneOwner,
  equalRoutes,
  equalRetained,
  nothingStranded,
];

/** What is wrong with a cluster that has come to rest. */
export function checkViews(views: Views): Violation[] {
  return checkers.flatMap(({ rule, check }) =>
    [...check(views)].map((what): Violation => ({ rule, what, about: [] })),
  );
}
