import { LargeMap } from '../base/mod.js';
import {
  Branch,
  isBranch,
  isEmpty,
  onlyValue,
  type Place,
  placeOf,
  removePlace,
  setPlace,
} from './filter-branch.js';
import { matchesFilter } from './names.js';
import { ownLevel } from './own-level.js';

/** The branches that fit the name so far, and one level on. Reused by `match`. */
interface Frontier<Value> {
  present: Branch<Value>[];
  next: Branch<Value>[];
}

/** Branches of one level up to which a frontier is kept for the next match. */
const keptFrontierMax = 1024;

/**
 * Topic Filters and one caller-owned value each, found by the Topic Names that they match.
 *
 * A filter without wildcards is one entry of a map, so an exact match costs one look-up. The
 * others share a tree of levels. A level that only one filter goes through is no branch: its value
 * stands there, and is compared as a whole, so that a million filters are about as many entries of
 * a map and few objects beside their values:
 *
 * ```
 *  device ─┬─ 17 ─── value of device/17/+/state
 *          └─ 18 ─┬─ +  ─── value of device/18/+
 *                 └─ ok ─── value of device/18/ok/#
 * ```
 *
 * Matching walks level by level and only through branches that exist, so the cost depends on the
 * filters that fit the beginning of the name, never on unrelated ones. A branch leads to at most
 * two places (the text and `+`). Worst case: all combinations of text and `+` over k levels are 2^k
 * filters, and a name that fits them visits 2^k branches, which is why subscriptions and levels are
 * limited (`max_subscriptions_per_client`, `topic_max_depth`). No recursion: 10,000 levels are just
 * a long loop. Measured by `bench/micro/trie.ts`.
 */
export class FilterTrie<Value> {
  readonly #filterOf: (value: Value) => string;
  readonly #exact = new LargeMap<Value>();
  readonly #root = new Branch<Value>();
  #wildcardCount = 0;
  /** Taken by the `match` that runs: its visitor may match, too, and if it throws nothing stays. */
  #idle: Frontier<Value> | undefined;

  /** `filterOf`: values know their filters, which are not stored a second time. */
  constructor(filterOf: (value: Value) => string) {
    this.#filterOf = filterOf;
  }

  /** Filters. */
  get size(): number {
    return this.#exact.size + this.#wildcardCount;
  }

  get(filter: string): Value | undefined {
    if (!hasWildcard(filter)) return this.#exact.get(filter);
    const end = endOfText(filter);
    let branch = this.#root;
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start, end);
      const place = placeOf(branch, level);
      if (!isBranch(place)) {
        return place !== undefined && this.#filterOf(place) === filter ? place : undefined;
      }
      branch = place;
      start += level.length + 1;
    }
    return end < filter.length ? branch.hash : branch.value;
  }

  /** The value of a valid `filter`; `make` is called when there is none. */
  getOrInsert(filter: string, make: () => Value): Value {
    if (hasWildcard(filter)) return this.#getOrPlace(filter, make);
    let value = this.#exact.get(filter);
    if (value === undefined) {
      value = make();
      this.#exact.set(filter, value);
    }
    return value;
  }

  /** False: there was no such filter. Branches that one filter or none is left of go, too. */
  delete(filter: string): boolean {
    if (!hasWildcard(filter)) return this.#exact.delete(filter);
    const end = endOfText(filter);
    const path: { readonly branch: Branch<Value>; readonly level: string }[] = [];
    let branch = this.#root;
    let isFound = false;
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start, end);
      const place = placeOf(branch, level);
      if (!isBranch(place)) {
        if (place === undefined || this.#filterOf(place) !== filter) return false;
        removePlace(branch, level);
        isFound = true;
        break;
      }
      path.push({ branch, level });
      branch = place;
      start += level.length + 1;
    }
    if (!isFound && !clearOwn(branch, end < filter.length)) return false;
    this.#wildcardCount -= 1;
    // Whoever matches at the moment may hold branches that go: they keep what was below them.
    for (let up = path.pop(); up !== undefined; up = path.pop()) {
      const only = onlyValue(branch);
      if (only !== undefined) setPlace(up.branch, up.level, only);
      else if (isEmpty(branch)) removePlace(up.branch, up.level);
      else break;
      ({ branch } = up);
    }
    return true;
  }

  /**
   * Calls `visit` once for the value of every filter that matches a valid Topic Name. `visit` may
   * match again, insert and delete: filters that come or go meanwhile may or may not be visited.
   */
  match(name: string, visit: (value: Value) => void): void {
    const exact = this.#exact.get(name);
    if (exact !== undefined) visit(exact);
    if (this.#wildcardCount === 0) return;
    const frontier = this.#idle ?? { present: [], next: [] };
    this.#idle = undefined;
    const widest = walk(this.#root, name, frontier, this.#filterOf, visit);
    if (widest <= keptFrontierMax) this.#idle = frontier;
  }

  /** Every filter with its value, in no promised order. Not for use while filters change. */
  *entries(): Generator<readonly [filter: string, value: Value]> {
    yield* this.#exact;
    const left: Place<Value>[] = [this.#root];
    for (let here = left.pop(); here !== undefined; here = left.pop()) {
      if (!isBranch(here)) {
        yield [this.#filterOf(here), here];
        continue;
      }
      const { value, hash, plus, child, children } = here;
      for (const place of [value, hash, plus, child]) if (place !== undefined) left.push(place);
      for (const [, place] of children ?? []) left.push(place);
    }
  }

  #getOrPlace(filter: string, make: () => Value): Value {
    const end = endOfText(filter);
    let branch = this.#root;
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start, end);
      let place = placeOf(branch, level);
      start += level.length + 1;
      if (place === undefined) {
        const value = make();
        setPlace(branch, ownLevel(level, filter), value);
        this.#wildcardCount += 1;
        return value;
      }
      if (!isBranch(place)) {
        if (this.#filterOf(place) === filter) return place;
        place = this.#branchFor(place, start);
        setPlace(branch, ownLevel(level, filter), place);
      }
      branch = place;
    }
    const existing = end < filter.length ? branch.hash : branch.value;
    if (existing !== undefined) return existing;
    const value = make();
    if (end < filter.length) branch.hash = value;
    else branch.value = value;
    this.#wildcardCount += 1;
    return value;
  }

  /** A branch with `value` alone, of whose filter the levels before `start` lead to it. */
  #branchFor(value: Value, start: number): Branch<Value> {
    const branch = new Branch<Value>();
    const filter = this.#filterOf(value);
    const end = endOfText(filter);
    if (start <= end) setPlace(branch, ownLevel(levelAt(filter, start, end), filter), value);
    else if (end < filter.length) branch.hash = value;
    else branch.value = value;
    return branch;
  }
}

/** False: no filter ends at `branch` in that way. */
function clearOwn<Value>(branch: Branch<Value>, isHash: boolean): boolean {
  if ((isHash ? branch.hash : branch.value) === undefined) return false;
  if (isHash) branch.hash = undefined;
  else branch.value = undefined;
  return true;
}

/** Visits what matches `name`; returns the largest number of branches at one level. */
function walk<Value>(
  root: Branch<Value>,
  name: string,
  frontier: Frontier<Value>,
  filterOf: (value: Value) => string,
  visit: (value: Value) => void,
): number {
  // [MQTT5-4.7.2-1], [MQTT3-4.7.2-1]: leading wildcards do not match $-topics.
  let hidesWildcards = name.charCodeAt(0) === 0x24;
  frontier.present[0] = root;
  let width = 1;
  let widest = 1;
  // A value may stand where its filter goes on: then it is compared from its beginning.
  const visitFitting = (value: Value): void => {
    if (matchesFilter(filterOf(value), name)) visit(value);
  };
  for (let start = 0; width > 0; ) {
    const slash = name.indexOf('/', start);
    const level = slash < 0 ? name.slice(start) : name.slice(start, slash);
    width = step(frontier, width, level, hidesWildcards, visit, visitFitting);
    if (width > widest) widest = width;
    if (slash < 0) break;
    hidesWildcards = false;
    start = slash + 1;
  }
  for (let at = 0; at < width; at += 1) {
    const { value, hash } = frontier.present[at] as Branch<Value>;
    if (value !== undefined) visit(value);
    if (hash !== undefined) visit(hash);
  }
  return widest;
}

/**
 * One level on: visits what ends in `#` here and what stands alone one level on, and replaces the
 * frontier by the branches that fit `level`. Returns their number. The arrays are overwritten, not
 * emptied: setting a length to 0 gives their memory back, and each level would pay for it anew.
 */
function step<Value>(
  frontier: Frontier<Value>,
  width: number,
  level: string,
  hidesWildcards: boolean,
  visit: (value: Value) => void,
  visitFitting: (value: Value) => void,
): number {
  const { present, next } = frontier;
  let nextWidth = 0;
  for (let at = 0; at < width; at += 1) {
    const { hash, plus, childLevel, child, children } = present[at] as Branch<Value>;
    if (!hidesWildcards) {
      if (hash !== undefined) visit(hash);
      if (isBranch(plus)) next[nextWidth++] = plus;
      else if (plus !== undefined) visitFitting(plus);
    }
    const fits = child !== undefined && childLevel === level;
    const found = fits ? child : children?.get(level);
    if (isBranch(found)) next[nextWidth++] = found;
    else if (found !== undefined) visitFitting(found);
  }
  frontier.present = next;
  frontier.next = present;
  return nextWidth;
}

function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.charCodeAt(filter.length - 1) === 0x23;
}

/** Where the levels before a trailing `/#` end; -1 for `#` itself, which has none. */
function endOfText(filter: string): number {
  if (filter.charCodeAt(filter.length - 1) !== 0x23) return filter.length;
  return filter.length - 2;
}

function levelAt(filter: string, start: number, end: number): string {
  const slash = filter.indexOf('/', start);
  return slash < 0 || slash > end ? filter.slice(start, end) : filter.slice(start, slash);
}
