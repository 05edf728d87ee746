import { Buffer } from 'node:buffer';
import { ByteWriter } from '../base/mod.js';
import type { FrameBody } from '../cluster/link/mod.js';
import { type Envelope, writeEnvelope } from '../cluster/routing/mod.js';
import type { Publication } from '../queue/mod.js';

/**
 * Bytes of a block. Higher: longer frames. Lower: a message that waits for its confirmation keeps
 * less beside it in memory.
 */
const blockBytes = 16 * 1024;

/** Up to this many bytes a loop beats `set` with its view (packet/writer.ts). */
const loopCopyMax = 48;

/** Without DUP and RETAIN, which are between a publisher and its node. */
const keptFlags = 0b1111_0110;

/** Publishers whose envelopes are remembered; beyond it all are forgotten. */
const plainMax = 1024;

const nobody: readonly string[] = [];

/** An envelope without exceptions of any kind, as bytes. */
interface PlainEnvelope {
  readonly publisher: string;
  readonly mountpoint: string;
  readonly version: 4 | 5;
  readonly bytes: Uint8Array;
}

/** Which members and sessions a message is for, beside its topic. */
type Addressed = Pick<Envelope, 'mountpoint' | 'group' | 'filter' | 'except'>;

/**
 * Messages for other members as they travel: an envelope, and the packet as its publisher wrote it
 * where that will do.
 *
 * ```
 *  envelope ─────────┐ one for neighbours of one publisher
 *  packet│packet│packet│packet│      one behind the other in blocks, which never change
 * ```
 *
 * So a message is copied once for all members, and neighbours leave in one frame.
 */
export class OutgoingBodies {
  readonly #writer = new ByteWriter(256);
  /** By publisher. At most {@link plainMax}. */
  readonly #plain = new Map<string, PlainEnvelope>();
  /** The one that was used last: the next message mostly has the same. */
  #last: PlainEnvelope | undefined = undefined;
  #block: Buffer = Buffer.alloc(0);
  #blockAt = 0;

  /** For every matching subscriber. */
  plain(publication: Publication, mountpoint: string, now: number): FrameBody {
    const { publisher, retain, expiresAt } = publication;
    if (retain || expiresAt > 0) return this.except(publication, mountpoint, nobody, now);
    const version = versionOf(publication);
    let known = this.#last;
    if (known?.publisher !== publisher) known = this.#plain.get(publisher);
    if (known?.version !== version || known.mountpoint !== mountpoint) {
      const addressed = { mountpoint, group: '', filter: '', except: nobody };
      const bytes = this.#envelope(publication, addressed, now);
      known = { publisher, mountpoint, version, bytes };
      if (this.#plain.size >= plainMax) this.#plain.clear();
      this.#plain.set(publisher, known);
    }
    this.#last = known;
    return this.#packet(publication, known.bytes);
  }

  /** The same without `except`, which are Client Identifiers. */
  except(
    publication: Publication,
    mountpoint: string,
    except: readonly string[],
    now: number,
  ): FrameBody {
    const addressed = { mountpoint, group: '', filter: '', except };
    return this.#packet(publication, this.#envelope(publication, addressed, now));
  }

  /** For one subscriber of a shared subscription. */
  forGroup(
    publication: Publication,
    mountpoint: string,
    { group, filter }: { readonly group: string; readonly filter: string },
    now: number,
  ): FrameBody {
    const addressed = { mountpoint, group, filter, except: nobody };
    return this.#packet(publication, this.#envelope(publication, addressed, now));
  }

  #envelope(publication: Publication, addressed: Addressed, now: number): Uint8Array {
    const { publisher, retain, retainStamp, expiresAt } = publication;
    const expiresInMs = expiresAt === 0 ? -1 : Math.max(0, expiresAt - now);
    const version = versionOf(publication);
    const { mountpoint, group, filter, except } = addressed;
    writeEnvelope(this.#writer, {
      mountpoint,
      publisher,
      group,
      filter,
      version,
      retain,
      retainStamp,
      expiresInMs,
      except,
    });
    return this.#writer.take();
  }

  #packet(publication: Publication, front: Uint8Array): FrameBody {
    const { received } = publication;
    if (received !== undefined) {
      const { bytes, packetStart, packetEnd } = received;
      return this.#copy(front, bytes, packetStart, packetEnd);
    }
    const { bytes, start, end, identifierAt } = publication.serialised(5, publication.qos);
    const body = this.#copy(front, bytes, start, end);
    // 0 would be malformed [MQTT5-2.2.1-3]; which one it is means nothing to the receiver.
    if (identifierAt > 0) this.#block[body.start + identifierAt - start + 1] = 1;
    return body;
  }

  #copy(front: Uint8Array, source: Uint8Array, from: number, to: number): FrameBody {
    const size = to - from;
    if (this.#blockAt + size > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(Math.max(size, blockBytes));
      this.#blockAt = 0;
    }
    const block = this.#block;
    const start = this.#blockAt;
    this.#blockAt = start + size;
    if (size > loopCopyMax) block.set(source.subarray(from, to), start);
    else for (let at = 0; at < size; at += 1) block[start + at] = source[from + at] as number;
    block[start] = (block[start] as number) & keptFlags;
    return { front, bytes: block, start, end: start + size };
  }
}

/** Of the packet that `OutgoingBodies` sends for it. */
function versionOf(publication: Publication): 4 | 5 {
  return publication.received !== undefined && publication.version !== 5 ? 4 : 5;
}
