interface Node<Message> {
  readonly parent: Node<Message> | undefined;
  readonly level: string;
  message: Message | undefined;
  children: Map<string, Node<Message>> | undefined;
}

/** Walks what matches a filter, one message per call. */
export interface RetainedCursor<Message> {
  /** Undefined: there is no more. What is set or deleted meanwhile may or may not be seen. */
  next(): Message | undefined;
}

/**
 * Retained messages of one mountpoint by Topic Name. Exact look-up is one map access; wildcards walk
 * a tree of levels, and only the branches that a filter can match.
 */
export class RetainedStore<Message> {
  readonly #byTopic = new Map<string, Node<Message>>();
  readonly #root: Node<Message> = {
    parent: undefined,
    level: '',
    message: undefined,
    children: undefined,
  };

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
    for (let here = node; here.parent !== undefined; here = here.parent) {
      if (here.message !== undefined || here.children !== undefined) break;
      const { children } = here.parent;
      children?.delete(here.level);
      if (children?.size === 0) here.parent.children = undefined;
    }
    return deleted;
  }

  /** What matches a valid Topic Filter. */
  cursor(filter: string): RetainedCursor<Message> {
    if (!filter.includes('+') && !filter.endsWith('#')) {
      let isDone = false;
      return {
        next: () => {
          if (isDone) return undefined;
          isDone = true;
          return this.get(filter);
        },
      };
    }
    return new TreeCursor(this.#root, filter);
  }

  *[Symbol.iterator](): Generator<Message> {
    for (const node of this.#byTopic.values()) {
      if (node.message !== undefined) yield node.message;
    }
  }

  #insert(topicName: string): Node<Message> {
    let node = this.#root;
    for (const level of topicName.split('/')) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = { parent: node, level, message: undefined, children: undefined };
        node.children.set(level, child);
      }
      node = child;
    }
    return node;
  }
}

interface Frame<Message> {
  /** Children still to be looked at. */
  readonly children: Iterator<Node<Message>>;
  /** Index of the filter level that these children must match. */
  readonly depth: number;
}

class TreeCursor<Message> implements RetainedCursor<Message> {
  readonly #levels: readonly string[];
  readonly #stack: Frame<Message>[] = [];

  constructor(root: Node<Message>, filter: string) {
    this.#levels = filter.split('/');
    this.#descend(root, 0);
  }

  next(): Message | undefined {
    for (;;) {
      const frame = this.#stack[this.#stack.length - 1];
      if (frame === undefined) return undefined;
      const step = frame.children.next();
      if (step.done === true) {
        this.#stack.pop();
        continue;
      }
      const found = this.#enter(step.value, frame.depth);
      if (found !== undefined) return found;
    }
  }

  /** Looks at a node whose level must match the filter's at `depth`; goes down where it may. */
  #enter(node: Node<Message>, depth: number): Message | undefined {
    const level = this.#levels[depth] as string;
    const last = this.#levels.length - 1;
    // [MQTT5-4.7.2-1]: leading wildcards do not see $-topics.
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
    const { children } = node;
    if (children === undefined) return;
    const level = this.#levels[depth] as string;
    if (level === '+' || level === '#') {
      this.#stack.push({ children: children.values(), depth });
      return;
    }
    const child = children.get(level);
    if (child !== undefined) this.#stack.push({ children: [child].values(), depth });
  }
}
