import { ReasonCode } from '../packet/mod.js';
import type { TopicHandle } from './host.js';

/** Bytes of Topic Names that one connection may have the server remember under aliases. */
const incomingAliasBytesMax = 1024 * 1024;

export interface OutgoingAlias {
  readonly alias: number;
  /** The client knows it: the Topic Name is left out. */
  readonly isKnown: boolean;
}

/**
 * Topic aliases from server to client: given to the first topics, never taken back
 * (`topic_alias_max_broker`). They last as long as the connection [MQTT5-3.3.2-7].
 */
export class OutgoingAliases {
  readonly #byTopic = new Map<string, { alias: number; isKnown: boolean }>();
  readonly #maximum: number;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  lookUp(topicName: string): OutgoingAlias | undefined {
    const known = this.#byTopic.get(topicName);
    if (known !== undefined) return known;
    if (this.#byTopic.size >= this.#maximum) return undefined;
    const fresh = { alias: this.#byTopic.size + 1, isKnown: false };
    this.#byTopic.set(topicName, fresh);
    return fresh;
  }

  /** A packet that introduces or uses the alias was written. */
  confirm(topicName: string): void {
    const known = this.#byTopic.get(topicName);
    if (known !== undefined) known.isKnown = true;
  }
}

/** Topic aliases from client to server (`topic_alias_max_client`). */
export class IncomingAliases {
  readonly #byAlias = new Map<number, TopicHandle>();
  readonly #maximum: number;
  #bytes = 0;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** 0 when `alias` may be used, else the Reason Code to disconnect with [MQTT5-3.3.2-9]. */
  check(alias: number): number {
    return alias > this.#maximum ? ReasonCode.TopicAliasInvalid : ReasonCode.Success;
  }

  get(alias: number): TopicHandle | undefined {
    return this.#byAlias.get(alias);
  }

  /** 0, or the Reason Code to disconnect with: what a client may make us remember is bounded. */
  set(alias: number, topic: TopicHandle): number {
    const previous = this.#byAlias.get(alias);
    this.#bytes += topic.bytes.length - (previous?.bytes.length ?? 0);
    if (this.#bytes > incomingAliasBytesMax) return ReasonCode.QuotaExceeded;
    this.#byAlias.set(alias, topic);
    return ReasonCode.Success;
  }
}
