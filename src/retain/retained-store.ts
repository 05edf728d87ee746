import { ownLevel } from '../topic/mod.js';

/** One level of a Topic Name. */
interface Node<Message> {
  readonly parent: Node<Message> | undefined;
  readonly level: string;
  /** Position in the order of creation. A cursor passes over nodes that are younger than itself. */
  readonly born: number;
  message: Message | undefined;
  /** The only child. Undefined: there is none, or `children` holds them. */
  child: Node<Message> | undefined;
  /** Two or more children, the oldest first. */
  children: Map<string, Node<Message>> | undefined;
}

/**
 * Walks what matches a filter, one message per call: a topic before those below it, and the oldest
 * branch first. It stays valid while messages are set and deleted between calls: a message that is
 * there all the time is seen exactly once, a topic is never seen twice, what comes later may or may
 * not be seen, and the walk ends even if topics come as fast as it goes.
 */
export interface RetainedCursor<Message> {
  /** True: there is no more. It may turn true only with the call that finds nothing. */
  readonly isDone: boolean;
  /**
   * The next message; undefined: there is no more. No bound on the work of one call: a filter that
   * matches little in a large tree may look at all of it. See `nextWithin`.
   */
  next(): Message | undefined;
  /**
   * As `next`, but gives up after `nodesMax` nodes of the tree (at least 1): undefined with
   * `isDone` false means that the walk goes on with another call. A million nodes take 0.1 s.
   */
  nextWithin(nodesMax: number): Message | undefined;
}

/**
 * Retained messages of one mountpoint by Topic Name. Exact look-up is one map access; wildcards
 * walk a tree of levels, and only the branches that a filter can match. Messages are the caller's,
 * and never undefined.
 */
export class RetainedStore<Message> {
  readonly #byTopic = new Map<string, Node<Message>>();
  readonly #root: Node<Message> = makeNode<Message>(undefined, '', 0);
  #lastBorn = 0;

  /** Messages. */
  get size(): number {
    return this.#byTopic.size;
  }

  get(topicName: string): Message | undefined {
    return this.#byTopic.get(topicName)?.message;
  }

  /** Returns the message that was replaced. */
  set(topicName: string, message: Message): Message | undefined {
    let node = this.#byTopic.get(topicName);
    if (node === undefined) {
      node = this.#insert(topicName);
      this.#byTopic.set(topicName, node);
    }
    const replaced = node.message;
    node.message = message;
    return replaced;
  }

  /** Returns the message that was there. */
  delete(topicName: string): Message | undefined {
    const node = this.#byTopic.get(topicName);
    if (node === undefined) return undefined;
    this.#byTopic.delete(topicName);
    const deleted = node.message;
    node.message = undefined;
    for (let here = node; here.parent !== undefined && isEmpty(here); here = here.parent) {
      removeChild(here.parent, here);
    }
    return deleted;
  }

  /** What matches a valid Topic Filter. */
  cursor(filter: string): RetainedCursor<Message> {
    if (filter.includes('+') || filter.endsWith('#')) {
      return new TreeCursor(this.#root, filter, this.#lastBorn);
    }
    return new TopicCursor(() => this.get(filter));
  }

  /** All messages, in no promised order. Deleting while iterating is allowed. */
  *[Symbol.iterator](): Generator<Message> {
    for (const node of this.#byTopic.values()) {
      if (node.message !== undefined) yield node.message;
    }
  }

  #insert(topicName: string): Node<Message> {
    let node = this.#root;
    for (let start = 0; start <= topicName.length; ) {
      const slash = topicName.indexOf('/', start);
      const end = slash < 0 ? topicName.length : slash;
      const level = topicName.slice(start, end);
      let child = childOf(node, level);
      if (child === undefined) {
        this.#lastBorn += 1;
        child = makeNode(node, slash < 0 ? level : ownLevel(level, topicName), this.#lastBorn);
        addChild(node, child);
      }
      node = child;
      start = end + 1;
    }
    return node;
  }
}

/** The look-up of one Topic Name, made at the first call. */
class TopicCursor<Message> implements RetainedCursor<Message> {
  readonly #find: () => Message | undefined;
  #isDone = false;

  constructor(find: () => Message | undefined) {
    this.#find = find;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  next(): Message | undefined {
    if (this.#isDone) return undefined;
    this.#isDone = true;
    return this.#find();
  }

  nextWithin(_nodesMax: number): Message | undefined {
    return this.next();
  }
}

/** Children that are still to be looked at. */
interface Frame<Message> {
  readonly children: Iterator<Node<Message>>;
  /** Index of the filter level that they must match. */
  readonly depth: number;
}

class TreeCursor<Message> implements RetainedCursor<Message> {
  readonly #levels: readonly string[];
  /** Nodes that are younger did not exist when the walk began. */
  readonly #bornMax: number;
  readonly #stack: Frame<Message>[] = [];
  /** A child that is looked at before the stack: its parent has, or the filter names, only one. */
  #single: Node<Message> | undefined;
  #singleDepth = 0;
  #isDone = false;

  constructor(root: Node<Message>, filter: string, bornMax: number) {
    this.#levels = filter.split('/');
    this.#bornMax = bornMax;
    this.#descend(root, 0);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  next(): Message | undefined {
    return this.nextWithin(Number.POSITIVE_INFINITY);
  }

  nextWithin(nodesMax: number): Message | undefined {
    for (let left = nodesMax; left > 0; left -= 1) {
      const single = this.#single;
      let found: Message | undefined;
      if (single !== undefined) {
        this.#single = undefined;
        found = this.#enter(single, this.#singleDepth);
      } else {
        const frame = this.#stack[this.#stack.length - 1];
        if (frame === undefined) {
          this.#isDone = true;
          return undefined;
        }
        const step = frame.children.next();
        // Maps keep the order of insertion, so behind a node that is too young all are.
        if (step.done === true || step.value.born > this.#bornMax) this.#stack.pop();
        else found = this.#enter(step.value, frame.depth);
      }
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Looks at a node whose level must match the filter's at `depth`; goes down where it may. */
  #enter(node: Node<Message>, depth: number): Message | undefined {
    const level = this.#levels[depth];
    const last = this.#levels.length - 1;
    // [MQTT5-4.7.2-1], [MQTT3-4.7.2-1]: leading wildcards do not see $-topics.
    const isHidden = node.parent?.parent === undefined && node.level.charCodeAt(0) === 0x24;
    if (level === '#') {
      if (isHidden) return undefined;
      this.#descend(node, depth);
      return node.message;
    }
    if (level === '+' ? isHidden : level !== node.level) return undefined;
    if (depth === last) return node.message;
    this.#descend(node, depth + 1);
    // `a/#` includes `a` itself.
    return depth + 1 === last && this.#levels[last] === '#' ? node.message : undefined;
  }

  #descend(node: Node<Message>, depth: number): void {
    const level = this.#levels[depth] as string;
    if (node.children !== undefined && (level === '+' || level === '#')) {
      this.#stack.push({ children: node.children.values(), depth });
      return;
    }
    const child = node.child ?? node.children?.get(level);
    if (child === undefined || child.born > this.#bornMax) return;
    this.#single = child;
    this.#singleDepth = depth;
  }
}

function makeNode<Message>(
  parent: Node<Message> | undefined,
  level: string,
  born: number,
): Node<Message> {
  return { parent, level, born, message: undefined, child: undefined, children: undefined };
}

function isEmpty<Message>(node: Node<Message>): boolean {
  return node.message === undefined && node.child === undefined && node.children === undefined;
}

function childOf<Message>(node: Node<Message>, level: string): Node<Message> | undefined {
  if (node.child !== undefined) return node.child.level === level ? node.child : undefined;
  return node.children?.get(level);
}

function addChild<Message>(parent: Node<Message>, added: Node<Message>): void {
  const { child, children } = parent;
  if (children !== undefined) {
    children.set(added.level, added);
  } else if (child === undefined) {
    parent.child = added;
  } else {
    parent.child = undefined;
    parent.children = new Map([
      [child.level, child],
      [added.level, added],
    ]);
  }
}

function removeChild<Message>(parent: Node<Message>, node: Node<Message>): void {
  const { children } = parent;
  if (children === undefined) {
    parent.child = undefined;
    return;
  }
  children.delete(node.level);
  if (children.size > 1) return;
  parent.children = undefined;
  for (const last of children.values()) parent.child = last;
}
