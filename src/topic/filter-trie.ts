import { ownLevel } from './own-level.js';

/** One level of a filter. It knows no parent: a million filters are a few million of these. */
interface Node<Value> {
  /** The level's text, the key in the parent. */
  readonly level: string;
  /** Value of the filter that ends here. */
  value: Value | undefined;
  /** Value of the filter that ends here with a further `/#`, or `#` at the root. */
  hash: Value | undefined;
  plus: Node<Value> | undefined;
  /** The only child that is not a wildcard. Undefined: there is none, or `children` holds them. */
  child: Node<Value> | undefined;
  /** Two or more children that are no wildcards; a map for one would outweigh its node. */
  children: Map<string, Node<Value>> | undefined;
}

function makeNode<Value>(level: string): Node<Value> {
  return {
    level,
    value: undefined,
    hash: undefined,
    plus: undefined,
    child: undefined,
    children: undefined,
  };
}

/** The nodes that fit the name so far, and those that fit one level more. Reused by `match`. */
interface Frontier<Value> {
  present: Node<Value>[];
  next: Node<Value>[];
}

/** Nodes of one level up to which a frontier is kept for the next match. */
const keptFrontierMax = 1024;

/**
 * Topic Filters and one caller-owned value each, found by the Topic Names that they match.
 *
 * A filter without wildcards is one entry of a map, so an exact match costs one look-up. The
 * others share a tree of levels; matching walks it level by level and only through nodes that
 * exist, so the cost depends on the filters that fit the beginning of the name, never on unrelated
 * ones. A node leads to at most two (the text and `+`). Worst case: all combinations of text and
 * `+` over k levels are 2^k filters, and a name that fits them visits 2^k nodes, which is why
 * subscriptions and levels are limited (`max_subscriptions_per_client`, `topic_max_depth`). No
 * recursion: 10,000 levels are just a long loop. Measured by `bench/micro/trie.ts`.
 */
export class FilterTrie<Value> {
  readonly #exact = new Map<string, Value>();
  readonly #root: Node<Value> = makeNode<Value>('');
  #wildcardCount = 0;
  /** Taken by the `match` that runs: its visitor may match, too, and if it throws nothing stays. */
  #idle: Frontier<Value> | undefined;

  /** Filters. */
  get size(): number {
    return this.#exact.size + this.#wildcardCount;
  }

  get(filter: string): Value | undefined {
    if (!hasWildcard(filter)) return this.#exact.get(filter);
    const end = endOfText(filter);
    const node = this.#find(filter, end);
    return end < filter.length ? node?.hash : node?.value;
  }

  /** The value of a valid `filter`; `make` is called when there is none. */
  getOrInsert(filter: string, make: () => Value): Value {
    if (!hasWildcard(filter)) {
      let value = this.#exact.get(filter);
      if (value === undefined) {
        value = make();
        this.#exact.set(filter, value);
      }
      return value;
    }
    const end = endOfText(filter);
    const node = this.#insert(filter, end);
    const existing = end < filter.length ? node.hash : node.value;
    if (existing !== undefined) return existing;
    const value = make();
    if (end < filter.length) node.hash = value;
    else node.value = value;
    this.#wildcardCount += 1;
    return value;
  }

  /** False: there was no such filter. Nodes that serve nothing any more go, too. */
  delete(filter: string): boolean {
    if (!hasWildcard(filter)) return this.#exact.delete(filter);
    const end = endOfText(filter);
    // The lowest node that stays when the filter's own go, and its child on the way to them.
    let kept = this.#root;
    let cut: Node<Value> | undefined;
    let node = this.#root;
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start, end);
      const child = childOf(node, level);
      if (child === undefined) return false;
      if (cut === undefined || !leadsOnlyTo(node, child)) {
        kept = node;
        cut = child;
      }
      node = child;
      start += level.length + 1;
    }
    if (end < filter.length) {
      if (node.hash === undefined) return false;
      node.hash = undefined;
    } else {
      if (node.value === undefined) return false;
      node.value = undefined;
    }
    this.#wildcardCount -= 1;
    if (cut !== undefined && isEmpty(node)) removeChild(kept, cut);
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
    const widest = walk(this.#root, name, frontier, visit);
    if (widest <= keptFrontierMax) this.#idle = frontier;
  }

  /** Every filter with its value, in no promised order. Not for use while filters change. */
  *entries(): Generator<readonly [filter: string, value: Value]> {
    yield* this.#exact;
    const left: { node: Node<Value>; path: string }[] = [{ node: this.#root, path: '' }];
    for (let here = left.pop(); here !== undefined; here = left.pop()) {
      const { node, path } = here;
      const prefix = node === this.#root ? '' : `${path}/`;
      if (node.value !== undefined) yield [path, node.value];
      if (node.hash !== undefined) yield [`${prefix}#`, node.hash];
      if (node.plus !== undefined) left.push({ node: node.plus, path: `${prefix}+` });
      if (node.child !== undefined) {
        left.push({ node: node.child, path: prefix + node.child.level });
      }
      for (const [level, child] of node.children ?? []) {
        left.push({ node: child, path: prefix + level });
      }
    }
  }

  #find(filter: string, end: number): Node<Value> | undefined {
    let node: Node<Value> | undefined = this.#root;
    for (let start = 0; start <= end && node !== undefined; ) {
      const level = levelAt(filter, start, end);
      node = childOf(node, level);
      start += level.length + 1;
    }
    return node;
  }

  #insert(filter: string, end: number): Node<Value> {
    let node = this.#root;
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start, end);
      const next = start + level.length + 1;
      node = childOf(node, level) ?? addChild(node, next <= end ? ownLevel(level, filter) : level);
      start = next;
    }
    return node;
  }
}

/** Visits what matches `name` below `root`; returns the largest number of nodes at one level. */
function walk<Value>(
  root: Node<Value>,
  name: string,
  frontier: Frontier<Value>,
  visit: (value: Value) => void,
): number {
  // [MQTT5-4.7.2-1], [MQTT3-4.7.2-1]: leading wildcards do not match $-topics.
  let hidesWildcards = name.charCodeAt(0) === 0x24;
  frontier.present[0] = root;
  let width = 1;
  let widest = 1;
  for (let start = 0; width > 0; ) {
    const slash = name.indexOf('/', start);
    const level = slash < 0 ? name.slice(start) : name.slice(start, slash);
    width = step(frontier, width, level, hidesWildcards, visit);
    if (width > widest) widest = width;
    if (slash < 0) break;
    hidesWildcards = false;
    start = slash + 1;
  }
  for (let at = 0; at < width; at += 1) {
    const { value, hash } = frontier.present[at] as Node<Value>;
    if (value !== undefined) visit(value);
    if (hash !== undefined) visit(hash);
  }
  return widest;
}

/**
 * One level on: visits what ends in `#` here and replaces the frontier by the nodes that fit
 * `level`. Returns their number. The arrays are overwritten, not emptied: setting a length to 0
 * gives their memory back, and each level would pay for it anew.
 */
function step<Value>(
  frontier: Frontier<Value>,
  width: number,
  level: string,
  hidesWildcards: boolean,
  visit: (value: Value) => void,
): number {
  const { present, next } = frontier;
  let nextWidth = 0;
  for (let at = 0; at < width; at += 1) {
    const { hash, plus, child, children } = present[at] as Node<Value>;
    if (!hidesWildcards) {
      if (hash !== undefined) visit(hash);
      if (plus !== undefined) next[nextWidth++] = plus;
    }
    if (child !== undefined) {
      if (child.level === level) next[nextWidth++] = child;
    } else if (children !== undefined) {
      const found = children.get(level);
      if (found !== undefined) next[nextWidth++] = found;
    }
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

function childOf<Value>(node: Node<Value>, level: string): Node<Value> | undefined {
  if (level === '+') return node.plus;
  if (node.child !== undefined) return node.child.level === level ? node.child : undefined;
  return node.children?.get(level);
}

function addChild<Value>(node: Node<Value>, level: string): Node<Value> {
  const added = makeNode<Value>(level);
  if (level === '+') {
    node.plus = added;
  } else if (node.children !== undefined) {
    node.children.set(level, added);
  } else if (node.child === undefined) {
    node.child = added;
  } else {
    node.children = new Map([
      [node.child.level, node.child],
      [level, added],
    ]);
    node.child = undefined;
  }
  return added;
}

function isEmpty<Value>(node: Node<Value>): boolean {
  const { value, hash, plus, child, children } = node;
  const holdsValue = value !== undefined || hash !== undefined;
  return !holdsValue && plus === undefined && child === undefined && children === undefined;
}

/** True if `node` serves nothing but `child`. */
function leadsOnlyTo<Value>(node: Node<Value>, child: Node<Value>): boolean {
  if (node.value !== undefined || node.hash !== undefined) return false;
  if (node.plus === child) return node.child === undefined && node.children === undefined;
  return node.child === child && node.plus === undefined;
}

function removeChild<Value>(parent: Node<Value>, node: Node<Value>): void {
  const { children } = parent;
  if (parent.plus === node) {
    parent.plus = undefined;
  } else if (parent.child === node) {
    parent.child = undefined;
  } else if (children !== undefined) {
    children.delete(node.level);
    if (children.size > 1) return;
    parent.children = undefined;
    for (const last of children.values()) parent.child = last;
  }
}
