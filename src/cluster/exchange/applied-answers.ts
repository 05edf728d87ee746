import type { Site } from '../identity/mod.js';
import { FrameType, LaneKind } from '../link/mod.js';
import { hasReached, type RowKind, type Tables } from '../metadata/mod.js';
import { decodeMark, encodeMark, MarkQueue } from './applied.js';
import type { ExchangePeer } from './row-exchange.js';

interface Asker {
  readonly port: ExchangePeer;
  readonly questions: MarkQueue;
  /** Of the last question whose answer is due. */
  due: number;
  sent: number;
}

/**
 * Tells other members when their rows are in force here. The answer says how far this node's own
 * rows of a kind had come at that moment: what was published here before went by the old routes,
 * and is in those rows if it is retained; what is published later goes by the new ones.
 */
export class AppliedAnswers {
  readonly #self: Site;
  readonly #tables: Tables;
  readonly #kind: RowKind;
  readonly #askers = new Map<Site, Asker>();
  #openCount = 0;

  /** `kind`: rows of this node that an answer tells the last number of. */
  constructor(self: Site, tables: Tables, kind: RowKind) {
    this.#self = self;
    this.#tables = tables;
    this.#kind = kind;
  }

  /** The link to `site` opened. */
  opened(site: Site, port: ExchangePeer): void {
    this.closed(site);
    this.#askers.set(site, { port, questions: new MarkQueue(), due: 0, sent: 0 });
  }

  closed(site: Site): void {
    const asker = this.#askers.get(site);
    if (asker === undefined) return;
    if (isOpen(asker)) this.#openCount -= 1;
    this.#askers.delete(site);
  }

  /** False: it is not what a member sends. */
  onAsk(site: Site, body: Uint8Array): boolean {
    const mark = decodeMark(body);
    const asker = this.#askers.get(site);
    if (mark === undefined || asker === undefined) return mark !== undefined;
    if (!isOpen(asker)) this.#openCount += 1;
    asker.questions.add(mark);
    this.#answer(site, asker);
    return true;
  }

  /** Rows may have come into force, or a lane may take frames again. */
  review(): void {
    if (this.#openCount === 0) return;
    for (const [site, asker] of this.#askers) if (isOpen(asker)) this.#answer(site, asker);
  }

  #answer(site: Site, asker: Asker): void {
    const position = this.#tables.position(site);
    const reached = asker.questions.takeReached((mark) =>
      hasReached(position, mark.boot, mark.number),
    );
    asker.due = Math.max(asker.due, reached);
    const boot = this.#tables.position(this.#self)?.boot;
    if (asker.due > asker.sent && boot !== undefined) {
      const number = this.#tables.lastNumberOf(this.#kind);
      const body = encodeMark({ id: asker.due, boot, number });
      if (asker.port.send(LaneKind.Control, FrameType.Applied, body)) asker.sent = asker.due;
    }
    if (!isOpen(asker)) this.#openCount -= 1;
  }
}

function isOpen({ questions, due, sent }: Asker): boolean {
  return !questions.isEmpty || due > sent;
}
