/** One level of a filter. Children are made when there is a second one. */
interface Node<Value> {
  readonly parent: Node<Value> | undefined;
  /** The level's text, the key in the parent. */
  readonly level: string;
  /** Value of the filter that ends here. */
  value: Value | undefined;
  /** Value of the filter that ends here with a further `/#`, or `#` at the root. */
  hash: Value | undefined;
  plus: Node<Value> | undefined;
  /** The only child that is not a wildcard; its key is its `level`. Undefined: see `children`. */
  child: Node<Value> | undefined;
  /** Two or more children that are no wildcards. */
  children: Map<string, Node<Value>> | undefined;
}

function makeNode<Value>(parent: Node<Value> | undefined, level: string): Node<Value> {
  return {
    parent,
    level,
    value: undefined,
    hash: undefined,
    plus: undefined,
    child: undefined,
    children: undefined,
  };
}

/**
 * Topic Filters and one caller-owned value each, found by the Topic Names that they match.
 *
 * A filter without wildcards is one entry of a map, so an exact match costs one look-up. The others
 * share a tree of levels. `match` visits at each level at most two nodes per node of the level
 * before (the text and `+`), so its cost depends on the filters that fit the beginning of the name,
 * never on unrelated ones; the worst case, all combinations of text and `+`, is bounded by the
 * number of filters. No recursion: 10,000 levels are just a long loop.
 */
export class FilterTrie<Value> {
  readonly #exact = new Map<string, Value>();
  readonly #root: Node<Value> = makeNode<Value>(undefined, '');
  #wildcardCount = 0;
  /** Nodes of the present and the next level in `match`; kept so that matching allocates nothing. */
  #present: Node<Value>[] = [];
  #next: Node<Value>[] = [];

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
    const node = this.#find(filter, end);
    if (node === undefined) return false;
    if (end < filter.length) {
      if (node.hash === undefined) return false;
      node.hash = undefined;
    } else {
      if (node.value === undefined) return false;
      node.value = undefined;
    }
    this.#wildcardCount -= 1;
    prune(node);
    return true;
  }

  /** Calls `visit` once for the value of every filter that matches a valid Topic Name. */
  match(name: string, visit: (value: Value) => void): void {
    const exact = this.#exact.get(name);
    if (exact !== undefined) visit(exact);
    if (this.#wildcardCount === 0) return;
    // [MQTT5-4.7.2-1], [MQTT3-4.7.2-1]: leading wildcards do not match $-topics.
    const isReserved = name.charCodeAt(0) === 0x24;
    let present = this.#present;
    let next = this.#next;
    present.push(this.#root);
    let start = 0;
    while (present.length > 0) {
      const slash = name.indexOf('/', start);
      const isLast = slash < 0;
      const level = isLast ? name.slice(start) : name.slice(start, slash);
      const skipsWildcards = isReserved && start === 0;
      for (const node of present) {
        if (node.hash !== undefined && !skipsWildcards) visit(node.hash);
        step(node, level, skipsWildcards, next);
      }
      present.length = 0;
      if (isLast) break;
      const swap = present;
      present = next;
      next = swap;
      start = slash + 1;
    }
    for (const node of next) {
      if (node.value !== undefined) visit(node.value);
      if (node.hash !== undefined) visit(node.hash);
    }
    next.length = 0;
    this.#present = present;
    this.#next = next;
  }

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
      for (const [level, child] of node.children ?? [])
        left.push({ node: child, path: prefix + level });
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
      node = childOf(node, level) ?? addChild(node, level);
      start += level.length + 1;
    }
    return node;
  }
}

function step<Value>(
  node: Node<Value>,
  level: string,
  skipsWildcards: boolean,
  next: Node<Value>[],
): void {
  if (node.plus !== undefined && !skipsWildcards) next.push(node.plus);
  const { child, children } = node;
  if (child !== undefined) {
    if (child.level === level) next.push(child);
  } else if (children !== undefined) {
    const found = children.get(level);
    if (found !== undefined) next.push(found);
  }
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
  const added = makeNode(node, level);
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

/** Removes `node` and those above it that hold nothing. */
function prune<Value>(node: Node<Value>): void {
  for (let here = node; here.parent !== undefined; here = here.parent) {
    const isUsed =
      here.value !== undefined ||
      here.hash !== undefined ||
      here.plus !== undefined ||
      here.child !== undefined ||
      here.children !== undefined;
    if (isUsed) return;
    removeChild(here.parent, here);
  }
}

function removeChild<Value>(parent: Node<Value>, node: Node<Value>): void {
  if (parent.plus === node) {
    parent.plus = undefined;
  } else if (parent.child === node) {
    parent.child = undefined;
  } else if (parent.children !== undefined) {
    parent.children.delete(node.level);
    if (parent.children.size === 0) parent.children = undefined;
  }
}
