import { ByteReader, ByteWriter, TruncatedRecord } from '../../base/mod.js';

/** Besides being there a heartbeat measures, and carries what is to be known soon. */
export interface Heartbeat {
  /** The sender's clock when it was written, in ms. */
  readonly sentAt: number;
  /** `sentAt` of the last heartbeat that the sender received on this lane; undefined: none yet. */
  readonly echo: number | undefined;
  /** How long that one had been there, in ms. */
  readonly heldMs: number;
  /** The composition's. */
  readonly body: Uint8Array;
}

/** Whole milliseconds are sent: whoever judges a silence needs no finer ones. */
export function writeHeartbeat({ sentAt, echo, heldMs, body }: Heartbeat): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(Math.floor(sentAt));
  writer.varint(echo === undefined ? 0 : echo + 1);
  writer.varint(Math.max(0, Math.round(heldMs)));
  writer.blob(body);
  return writer.take();
}

/** Undefined when it ends early. What follows it is a newer version's. */
export function readHeartbeat(bytes: Uint8Array): Heartbeat | undefined {
  try {
    const reader = new ByteReader(bytes);
    const sentAt = reader.varint();
    const echoed = reader.varint();
    const echo = echoed === 0 ? undefined : echoed - 1;
    const heldMs = reader.varint();
    return { sentAt, echo, heldMs, body: reader.blob() };
  } catch (error) {
    if (error instanceof TruncatedRecord) return undefined;
    throw error;
  }
}
