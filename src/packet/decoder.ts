import { Buffer } from 'node:buffer';
import { type AckView, decodeAcknowledgement } from './acknowledgement.js';
import { decodeAuth } from './auth.js';
import { decodeConnect } from './connect.js';
import { decodeDisconnect } from './disconnect.js';
import { PacketReader } from './packet-reader.js';
import {
  type ClientPacket,
  PacketType,
  type ProtocolError,
  type ProtocolVersion,
} from './packets.js';
import { protocolError } from './protocol-error.js';
import { decodePublish, emptyPublishView, type PublishView } from './publish.js';
import { ReasonCode } from './reason-codes.js';
import { decodeSubscribe } from './subscribe.js';
import { decodeUnsubscribe } from './unsubscribe.js';

/** {@link Decoder.next}: no whole packet is there. */
export const NeedMore = 0;
/** {@link Decoder.next}: the peer broke the protocol, see {@link Decoder.error}. */
export const Failed = -1;

/**
 * Bytes that a CONNECT may have: five fields of 64 KiB and properties, before any limit is agreed.
 */
const connectSizeMax = 512 * 1024;

/** Fixed header: one byte and a Remaining Length of at most four. */
const fixedHeaderMax = 5;

/** Smallest buffer for a partial packet. */
const keptMin = 64;

const nothing = new Uint8Array(0);

/**
 * Turns the received bytes of one connection into packets, in place.
 *
 * The edge's chunk is given to `feed`; `next` is called until it returns NeedMore or Failed, or
 * until the session pauses; then `keepRemainder` copies what is left, because the chunk is reused.
 * The remainder goes into a buffer of the decoder's own, which the next `feed` completes by just
 * the bytes of the packet that is cut; the rest is decoded from its chunk. That buffer grows with
 * what arrives, never by what a length claims, and bytes in it are never overwritten, so that
 * ranges of it may wait in a PacketWriter like ranges of a chunk.
 */
export class Decoder {
  /**
   * 0 until a CONNECT said it; also set by a CONNECT that failed behind its Protocol Version, so
   * that the refusal can be written. While 0, anything but a CONNECT fails. A second CONNECT is
   * decoded like any packet; that it is a Protocol Error [MQTT5-3.1.0-2] [MQTT3-3.1.0-2] is the
   * session's to say.
   */
  protocolVersion: ProtocolVersion | 0 = 0;
  /** Bytes of a whole control packet; checked as soon as its fixed header is there. */
  maximumPacketSize: number;
  /** Valid after `next` returned PacketType.Publish, until the next call or `keepRemainder`. */
  readonly publish: PublishView = emptyPublishView();
  /** Valid after `next` returned one of the four acknowledgements, until the next call. */
  readonly ack: AckView = { packetIdentifier: 0, reasonCode: 0 };
  /** The packet, after `next` returned another type. */
  packet: ClientPacket | undefined = undefined;
  /** Set once; the decoder then stays failed and ignores what it is fed. */
  error: ProtocolError | undefined = undefined;
  /** What is being decoded: `#bytes[#at, #end)`, in `#kept` or in a chunk. */
  #bytes: Uint8Array = nothing;
  #at = 0;
  #end = 0;
  /** What follows in the chunk while `#bytes` is `#kept`. */
  #chunk: Uint8Array = nothing;
  #chunkAt = 0;
  #chunkEnd = 0;
  /** The decoder's own buffer, or `nothing`. */
  #kept: Uint8Array = nothing;
  /**
   * Where the packet begins in `#kept` before which all are whole: `feed` looks no further back.
   */
  #keptPartial = 0;

  constructor(maximumPacketSize: number) {
    this.maximumPacketSize = maximumPacketSize;
  }

  /** Bytes of memory that the decoder holds for packets not yet decoded. */
  get pendingBytes(): number {
    return this.#at === this.#end ? 0 : this.#kept.length;
  }

  /** Gives more bytes. `chunk` stays the caller's and must not change until `keepRemainder`. */
  feed(chunk: Uint8Array, start: number, end: number): void {
    if (this.error !== undefined) return;
    if (this.#at === this.#end && this.#chunkAt === this.#chunkEnd) {
      this.#kept = nothing;
      this.#bytes = chunk;
      this.#at = start;
      this.#end = end;
      return;
    }
    this.keepRemainder();
    this.#chunk = chunk;
    this.#chunkAt = start;
    this.#chunkEnd = end;
    this.#completePartial();
  }

  /** Decodes the next packet: its PacketType, or NeedMore, or Failed. */
  next(): number {
    if (this.#at === this.#end && !this.#enterChunk()) {
      return this.error === undefined ? NeedMore : Failed;
    }
    const bytes = this.#bytes;
    const start = this.#at;
    const available = this.#end - start;
    if (this.protocolVersion === 0 && (bytes[start] as number) >> 4 !== PacketType.Connect) {
      return this.#notConnect();
    }
    if (available < 2) return NeedMore;
    let at = start + 2;
    let length = bytes[start + 1] as number;
    if (length > 127) {
      const headerSize = this.#longHeader(available);
      if (headerSize <= 0) return headerSize;
      at = start + headerSize;
      length = remainingLength(bytes, start + 1, at);
    }
    const size = at - start + length;
    if (size > this.maximumPacketSize || (size > connectSizeMax && this.protocolVersion === 0)) {
      return this.#tooLarge(size);
    }
    if (size > available) return NeedMore;
    this.#at = start + size;
    const version = this.protocolVersion;
    const type = (bytes[start] as number) >> 4;
    if (type === PacketType.Publish && version !== 0) {
      const error = decodePublish(this.publish, bytes, start, at, start + size, version);
      return error === undefined ? type : this.#fail(error);
    }
    return this.#decodeOther(type, bytes, start, at, start + size);
  }

  /**
   * Copies what `next` has not consumed, before the chunk is reused, and forgets the chunk;
   * `publish` is not valid afterwards.
   */
  keepRemainder(): void {
    if (this.#bytes !== this.#kept) {
      const count = this.#end - this.#at;
      const kept = count === 0 ? nothing : Buffer.allocUnsafeSlow(Math.max(count, keptMin));
      if (count > 0) kept.set(this.#bytes.subarray(this.#at, this.#end), 0);
      this.#kept = kept;
      this.#bytes = kept;
      this.#at = 0;
      this.#end = count;
      this.#keptPartial = 0;
    } else if (this.#chunkAt < this.#chunkEnd) {
      const count = this.#chunkEnd - this.#chunkAt;
      this.#append(count, Number.POSITIVE_INFINITY);
    } else if (this.#at === this.#end) {
      this.#dropKept();
    }
    this.publish.bytes = nothing;
    this.#chunk = nothing;
    this.#chunkAt = 0;
    this.#chunkEnd = 0;
  }

  /** Moves just the bytes from the chunk that complete the packet at the end of `#kept`. */
  #completePartial(): void {
    while (this.#chunkAt < this.#chunkEnd) {
      const missing = this.#missing();
      if (missing === 0) return;
      const count = Math.min(missing, this.#chunkEnd - this.#chunkAt);
      this.#append(count, missing);
    }
  }

  /**
   * Bytes that the last packet in `#kept` lacks; 1 while its fixed header is not whole. 0 when
   * there is no partial packet, or one that `next` will refuse by its header.
   */
  #missing(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let start = Math.max(this.#keptPartial, this.#at);
    while (start < end) {
      this.#keptPartial = start;
      let at = start + 1;
      while (at < end && at - start < fixedHeaderMax && (bytes[at] as number) > 127) at += 1;
      if (at - start === fixedHeaderMax) return 0;
      if (at === end) return 1;
      const packetEnd = at + 1 + remainingLength(bytes, start + 1, at + 1);
      if (packetEnd - start > this.maximumPacketSize) return 0;
      if (packetEnd > end) return packetEnd - end;
      start = packetEnd;
    }
    this.#keptPartial = start;
    return 0;
  }

  /** Moves `count` bytes from the chunk to `#kept`, of which no more than `wanted` may follow. */
  #append(count: number, wanted: number): void {
    const from = this.#chunk.subarray(this.#chunkAt, this.#chunkAt + count);
    this.#chunkAt += count;
    const held = this.#end - this.#at;
    if (this.#end + count > this.#kept.length) {
      // Doubled, so that a packet in one-byte chunks is copied a few times only; but no larger than
      // the packet when it is the only one.
      const needed = Math.max(held + count, keptMin);
      const isAlone = this.#keptPartial <= this.#at;
      const useful = isAlone ? Math.min(held * 2, held + wanted) : held * 2;
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, useful));
      grown.set(this.#kept.subarray(this.#at, this.#end), 0);
      this.#keptPartial = Math.max(this.#keptPartial - this.#at, 0);
      this.#kept = grown;
      this.#bytes = grown;
      this.#at = 0;
      this.#end = held;
    }
    this.#kept.set(from, this.#end);
    this.#end += count;
  }

  /** Goes on in the chunk when `#kept` is used up. False: there is nothing. */
  #enterChunk(): boolean {
    if (this.#chunkAt === this.#chunkEnd) {
      if (this.#kept !== nothing) this.#dropKept();
      return false;
    }
    this.#kept = nothing;
    this.#bytes = this.#chunk;
    this.#at = this.#chunkAt;
    this.#end = this.#chunkEnd;
    this.#chunk = nothing;
    this.#chunkAt = 0;
    this.#chunkEnd = 0;
    return true;
  }

  /** So that an idle connection holds no buffer, not even through its view. */
  #dropKept(): void {
    this.publish.bytes = nothing;
    this.#kept = nothing;
    this.#bytes = nothing;
    this.#at = 0;
    this.#end = 0;
    this.#keptPartial = 0;
  }

  /** Bytes of a fixed header whose Remaining Length has more than one; or NeedMore, or Failed. */
  #longHeader(available: number): number {
    const bytes = this.#bytes;
    const start = this.#at;
    let size = 2;
    while ((bytes[start + size - 1] as number) > 127) {
      if (size === fixedHeaderMax) {
        return this.#malformed('The Remaining Length has more than four bytes.');
      }
      size += 1;
      if (size > available) return NeedMore;
    }
    if (bytes[start + size - 1] === 0 && this.protocolVersion === 5) {
      const reason = 'The Remaining Length is not in its shortest form.';
      return this.#malformed(reason, 'MQTT5-1.5.5-1');
    }
    return size;
  }

  #decodeOther(
    type: number,
    bytes: Uint8Array,
    packetStart: number,
    start: number,
    end: number,
  ): number {
    const flags = (bytes[packetStart] as number) & 15;
    const version = this.protocolVersion;
    if (type === PacketType.Connect) {
      const overlong = start - packetStart > 2 && bytes[start - 1] === 0;
      const reader = new PacketReader(bytes, start, end, version);
      this.packet = decodeConnect(reader, { flags, overlong });
      if (version === 0) this.protocolVersion = reader.version;
      return reader.error === undefined ? type : this.#fail(reader.error);
    }
    if (version === 0) return this.#notConnect();
    if (!isFlagsAllowed(type, flags, version)) return this.#badFlags(type, version);
    switch (type) {
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubrel:
      case PacketType.Pubcomp: {
        const ackType = type;
        const error = decodeAcknowledgement(this.ack, ackType, bytes, start, end, version);
        return error === undefined ? type : this.#fail(error);
      }
      default:
        return this.#decodeRecord(type, new PacketReader(bytes, start, end, version), version);
    }
  }

  #decodeRecord(type: number, reader: PacketReader, version: ProtocolVersion): number {
    switch (type) {
      case PacketType.Subscribe:
        this.packet = decodeSubscribe(reader, version);
        break;
      case PacketType.Unsubscribe:
        this.packet = decodeUnsubscribe(reader, version);
        break;
      case PacketType.Pingreq:
        this.packet = { type: PacketType.Pingreq };
        reader.expectEnd('PINGREQ');
        break;
      case PacketType.Disconnect:
        this.packet = decodeDisconnect(reader, version);
        break;
      case PacketType.Auth:
        if (version !== 5) return this.#malformed('Packet type 15 is reserved in MQTT 3.');
        this.packet = decodeAuth(reader);
        break;
      case 0:
        return this.#malformed('Packet type 0 is reserved.');
      default: {
        const reason = 'The packet is one that only a server sends.';
        const code = ReasonCode.ProtocolError;
        return this.#fail(protocolError(version, code, reason, undefined, undefined));
      }
    }
    return reader.error === undefined ? type : this.#fail(reader.error);
  }

  /** [MQTT5-3.1.0-1] [MQTT3-3.1.0-1]; which version the peer means is not known. */
  #notConnect(): number {
    const reason = 'The first packet is not a CONNECT.';
    const code = ReasonCode.ProtocolError;
    return this.#fail(protocolError(0, code, reason, 'MQTT5-3.1.0-1', undefined));
  }

  #badFlags(type: number, version: ProtocolVersion): number {
    let statement3 = 'MQTT3-2.2.2-2';
    let statement5 = 'MQTT5-2.1.3-1';
    if (type === PacketType.Pubrel) {
      statement3 = 'MQTT3-3.6.1-1';
      statement5 = 'MQTT5-3.6.1-1';
    } else if (type === PacketType.Subscribe) {
      statement3 = 'MQTT3-3.8.1-1';
      statement5 = 'MQTT5-3.8.1-1';
    } else if (type === PacketType.Unsubscribe) {
      statement3 = 'MQTT3-3.10.1-1';
      statement5 = 'MQTT5-3.10.1-1';
    } else if (type === PacketType.Disconnect) {
      statement3 = 'MQTT3-3.14.1-1';
      statement5 = 'MQTT5-3.14.1-1';
    } else if (type === PacketType.Auth) {
      statement5 = 'MQTT5-3.15.1-1';
    }
    const reason = 'The reserved flags of the fixed header are not as its packet type has them.';
    const code = ReasonCode.MalformedPacket;
    return this.#fail(protocolError(version, code, reason, statement5, statement3));
  }

  #tooLarge(size: number): number {
    const reason = `A packet of ${size} bytes is larger than allowed.`;
    const code = ReasonCode.PacketTooLarge;
    const version = this.protocolVersion;
    return this.#fail(protocolError(version, code, reason, 'MQTT5-3.2.2-15', undefined));
  }

  #malformed(reason: string, statement5?: string): number {
    const code = ReasonCode.MalformedPacket;
    return this.#fail(protocolError(this.protocolVersion, code, reason, statement5, undefined));
  }

  #fail(error: ProtocolError): number {
    this.error = error;
    this.packet = undefined;
    this.#chunk = nothing;
    this.#chunkAt = 0;
    this.#chunkEnd = 0;
    this.#dropKept();
    return Failed;
  }
}

/** The Remaining Length in `bytes[start, end)`, at most four bytes. */
function remainingLength(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  for (let at = end - 1; at >= start; at -= 1)
    length = length * 128 + ((bytes[at] as number) & 127);
  return length;
}

/**
 * Low half of the first byte: 2 for PUBREL, SUBSCRIBE and UNSUBSCRIBE, else 0. In 3.1 those three
 * may have DUP set, and other packets do not use these bits.
 */
function isFlagsAllowed(type: number, flags: number, version: ProtocolVersion): boolean {
  const isAtLeastOnce =
    type === PacketType.Pubrel || type === PacketType.Subscribe || type === PacketType.Unsubscribe;
  if (version === 3) return !isAtLeastOnce || (flags & 6) === 2;
  return flags === (isAtLeastOnce ? 2 : 0);
}
