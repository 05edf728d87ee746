import { Buffer } from 'node:buffer';
import type { ProtocolError, ProtocolVersion } from './packets.js';
import {
  inspectUtf8,
  readFourByteInteger,
  readTwoByteInteger,
  sliceUtf8,
  Utf8,
} from './primitives.js';
import { protocolError } from './protocol-error.js';
import { ReasonCode } from './reason-codes.js';

/**
 * Reads the fields of one whole packet that is not on the hot path.
 *
 * The first mistake is kept in `error`, moves the reader to its end, and makes every later read
 * return 0, '' or nothing; so a decoding function reads straight through and its caller looks at
 * `error` once. Loops run while `remaining > 0`, which a mistake ends.
 */
export class PacketReader {
  readonly bytes: Uint8Array;
  at: number;
  /** Reads never go beyond it; a property block lowers it for a while. */
  end: number;
  /** 0 until a CONNECT has said it. */
  version: ProtocolVersion | 0;
  error: ProtocolError | undefined = undefined;

  constructor(bytes: Uint8Array, start: number, end: number, version: ProtocolVersion | 0) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.version = version;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  /** Keeps the first mistake only. */
  fail(
    reasonCode: number,
    reason: string,
    statement5: string | undefined,
    statement3: string | undefined,
  ): void {
    if (this.error !== undefined) return;
    this.error = protocolError(this.version, reasonCode, reason, statement5, statement3);
    this.at = this.end;
  }

  malformed(reason: string, statement5?: string, statement3?: string): void {
    this.fail(ReasonCode.MalformedPacket, reason, statement5, statement3);
  }

  byte(field: string): number {
    if (!this.#has(1, field)) return 0;
    return this.bytes[this.at++] as number;
  }

  twoByteInteger(field: string): number {
    if (!this.#has(2, field)) return 0;
    const value = readTwoByteInteger(this.bytes, this.at);
    this.at += 2;
    return value;
  }

  fourByteInteger(field: string): number {
    if (!this.#has(4, field)) return 0;
    const value = readFourByteInteger(this.bytes, this.at);
    this.at += 4;
    return value;
  }

  variableByteInteger(field: string): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (!this.#has(1, field)) return 0;
      const byte = this.bytes[this.at++] as number;
      value |= (byte & 127) << shift;
      if (byte > 127) continue;
      if (byte > 0 || shift === 0) return value;
      this.malformed(`The ${field} is not in its shortest form.`, 'MQTT5-1.5.5-1');
      return 0;
    }
    this.malformed(`The ${field} has more than four bytes.`, 'MQTT5-1.5.5-1');
    return 0;
  }

  string(field: string): string {
    const start = this.#lengthPrefixed(field);
    if (start < 0) return '';
    const kind = inspectUtf8(this.bytes, start, this.at);
    if (kind === Utf8.HasNull) {
      this.malformed(`The ${field} holds U+0000.`, 'MQTT5-1.5.4-2', 'MQTT3-1.5.3-2');
      return '';
    }
    if (kind === Utf8.IllFormed) {
      this.malformed(`The ${field} is not well-formed UTF-8.`, 'MQTT5-1.5.4-1', 'MQTT3-1.5.3-1');
      return '';
    }
    return sliceUtf8(this.bytes, start, this.at, kind);
  }

  /** An owned copy. */
  binary(field: string): Uint8Array {
    const start = this.#lengthPrefixed(field);
    if (start < 0) return new Uint8Array(0);
    return Buffer.from(this.bytes.subarray(start, this.at));
  }

  /** A packet ends where its last field does. */
  expectEnd(packet: string): void {
    if (this.remaining > 0) this.malformed(`The ${packet} has bytes behind its last field.`);
  }

  /** Moves behind a length-prefixed field and returns its start, or -1. */
  #lengthPrefixed(field: string): number {
    const length = this.twoByteInteger(field);
    if (this.error !== undefined || !this.#has(length, field)) return -1;
    const start = this.at;
    this.at = start + length;
    return start;
  }

  #has(count: number, field: string): boolean {
    if (this.end - this.at >= count) return true;
    this.malformed(`The packet ends within its ${field}.`);
    return false;
  }
}
