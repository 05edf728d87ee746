/** What rules with %m, %c and %u stand for, for one client. */
export interface Substitutes {
  readonly mountpoint: string;
  readonly clientIdentifier: string;
  readonly userName: string | undefined;
}

type Substitution = '%m' | '%c' | '%u';

class RuleNode {
  readonly literal = new Map<string, RuleNode>();
  readonly substituted = new Map<Substitution, RuleNode>();
  plus: RuleNode | undefined;
  /** A rule ends here with `#`: this level and everything below it. */
  hash = false;
  /** A rule ends here. */
  end = false;
}

/**
 * A set of Topic Filters as rules, compiled to a tree of levels: an answer costs the depth of the
 * rules, not their number. The questions are whether a topic is in the set, whether everything
 * that a filter can match is, and whether anything that it can match is.
 *
 * %c and %u are compared with whole levels and never inserted into a filter, so a Client
 * Identifier `#` or `a/+` gives nothing away. Wildcards of a rule also cover topics that start
 * with `$` (VerneMQ's meaning: the packaged `topic #` grants `$SYS` too).
 */
export class AclRules {
  readonly #root = new RuleNode();
  #size = 0;

  /** `filter` is valid. `isPattern`: levels %m, %c and %u stand for the client's. */
  add(filter: string, isPattern: boolean): void {
    this.#size += 1;
    // `+/#` and `#` match the same topics; one form of it makes `covers` exact.
    const levels = filter === '+/#' ? ['#'] : filter.split('/');
    let node = this.#root;
    for (const level of levels) {
      if (level === '#') {
        node.hash = true;
        return;
      }
      node = childFor(node, level, isPattern);
    }
    node.end = true;
  }

  /** Whether `topicName` is in the set. */
  matches(topicName: string, client: Substitutes): boolean {
    return this.#size > 0 && matchesFrom(this.#root, topicName, 0, client, false);
  }

  /**
   * Whether one rule holds every topic that `filter` can match; several rules that would do so only
   * together do not count. A filter that begins with `$share` is compared as it stands, and only
   * with rules that begin so too.
   */
  covers(filter: string, client: Substitutes): boolean {
    if (this.#size === 0) return false;
    if (!filter.startsWith('$share/')) return matchesFrom(this.#root, filter, 0, client, true);
    const shared = this.#root.literal.get('$share');
    return shared !== undefined && matchesFrom(shared, filter, '$share/'.length, client, true);
  }

  /** Whether some topic that `filter` can match is in the set. */
  overlaps(filter: string, client: Substitutes): boolean {
    return this.#size > 0 && overlapsFrom(this.#root, filter, 0, client);
  }
}

function childFor(node: RuleNode, level: string, isPattern: boolean): RuleNode {
  if (level === '+') {
    node.plus ??= new RuleNode();
    return node.plus;
  }
  if (isPattern && (level === '%m' || level === '%c' || level === '%u')) {
    return existingOrNew(node.substituted, level);
  }
  return existingOrNew(node.literal, level);
}

function existingOrNew<Key>(children: Map<Key, RuleNode>, key: Key): RuleNode {
  let child = children.get(key);
  if (child === undefined) {
    child = new RuleNode();
    children.set(key, child);
  }
  return child;
}

/**
 * `start` is beyond the end by one when all levels are used up. Recursion is as deep as the rules.
 */
function matchesFrom(
  node: RuleNode,
  topic: string,
  start: number,
  client: Substitutes,
  isFilter: boolean,
): boolean {
  if (node.hash) return true;
  if (start > topic.length) return node.end;
  const slash = topic.indexOf('/', start);
  const end = slash === -1 ? topic.length : slash;
  const level = topic.slice(start, end);
  const next = end + 1;
  // A filter's `#` is only held by a rule's `#`, its `+` by either wildcard, never by a name.
  if (isFilter && level === '#') return false;
  if (!(isFilter && level === '+')) {
    const literal = node.literal.get(level);
    if (literal !== undefined && matchesFrom(literal, topic, next, client, isFilter)) return true;
    for (const [substitution, child] of node.substituted) {
      if (
        level === substituteFor(substitution, client) &&
        matchesFrom(child, topic, next, client, isFilter)
      ) {
        return true;
      }
    }
  }
  return node.plus !== undefined && matchesFrom(node.plus, topic, next, client, isFilter);
}

function overlapsFrom(node: RuleNode, filter: string, start: number, client: Substitutes): boolean {
  if (node.hash) return true;
  if (start > filter.length) return node.end;
  const slash = filter.indexOf('/', start);
  const end = slash === -1 ? filter.length : slash;
  const level = filter.slice(start, end);
  const next = end + 1;
  if (level !== '#' && level !== '+') return overlapsLevel(node, level, filter, next, client);
  if (node.plus !== undefined) {
    if (level === '#' || overlapsFrom(node.plus, filter, next, client)) return true;
  }
  if (level === '#' && node.end) return true;
  for (const [name, child] of node.literal) {
    // [MQTT5-4.7.2-1]: a filter's wildcard in front does not match what starts with `$`.
    if (start === 0 && name.startsWith('$')) continue;
    if (level === '#' || overlapsFrom(child, filter, next, client)) return true;
  }
  for (const [substitution, child] of node.substituted) {
    if (substituteFor(substitution, client) === undefined) continue;
    if (level === '#' || overlapsFrom(child, filter, next, client)) return true;
  }
  return false;
}

function overlapsLevel(
  node: RuleNode,
  level: string,
  filter: string,
  next: number,
  client: Substitutes,
): boolean {
  const literal = node.literal.get(level);
  if (literal !== undefined && overlapsFrom(literal, filter, next, client)) return true;
  for (const [substitution, child] of node.substituted) {
    if (level !== substituteFor(substitution, client)) continue;
    if (overlapsFrom(child, filter, next, client)) return true;
  }
  return node.plus !== undefined && overlapsFrom(node.plus, filter, next, client);
}

/** Undefined: nothing matches. An empty name must not stand for the empty levels of `a//b`. */
function substituteFor(substitution: Substitution, client: Substitutes): string | undefined {
  switch (substitution) {
    case '%m':
      return client.mountpoint;
    case '%c':
      return client.clientIdentifier === '' ? undefined : client.clientIdentifier;
    case '%u':
      return client.userName === '' ? undefined : client.userName;
  }
}
