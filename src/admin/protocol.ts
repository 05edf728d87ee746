/**
 * One line of JSON each way on the admin socket. The connection is one exchange long:
 *
 *     → {"words":["cluster","leave","node=A@h"],"flags":{"k":true,"t":"30"}}
 *     ← spaces, at once and while the command runs, then {"exitCode":0,"text":"…"}
 *
 * The spaces (which JSON allows) tell a command that takes long from a node that is frozen.
 */
import { Buffer } from 'node:buffer';
import type { AdminResponse } from './run-command.js';
import type { AdminRequest } from './request.js';

export const requestBytesMax: number = 64 * 1024;
export const responseBytesMax: number = 8 * 1024 * 1024;
/** Words and flags of one request. */
const wordsMax = 1000;
/** A connected client must have sent its request within. */
export const requestWithinMs = 10_000;
/** The node says within this that it has seen the connection; later it counts as not running. */
export const greetingWithinMs = 10_000;
/** Between two signs of life of a command that runs. */
export const signOfLifeMs = 5000;
/** Silence after which a client gives up. */
export const silenceMaxMs = 60_000;
export const signOfLife = ' ';
const lineEnd = 0x0a;

export function requestLine({ words, flags }: AdminRequest): string {
  return `${JSON.stringify({ words, flags: Object.fromEntries(flags) })}\n`;
}

/** A request, or undefined for anything else. */
export function readRequest(line: string): AdminRequest | undefined {
  const value = parsed(line);
  if (!isRecord(value)) return undefined;
  const { words, flags = {} } = value;
  if (!Array.isArray(words) || words.length > wordsMax || !isRecord(flags)) return undefined;
  if (!words.every((word) => typeof word === 'string')) return undefined;
  const entries = Object.entries(flags);
  if (entries.length > wordsMax) return undefined;
  const isFlag = (flag: unknown): flag is string | true =>
    flag === true || typeof flag === 'string';
  if (!entries.every((entry): entry is [string, string | true] => isFlag(entry[1]))) {
    return undefined;
  }
  return { words, flags: new Map(entries) };
}

/** The line of a response; one that is over the bound says so instead. */
export function responseLine({ exitCode, text, isAlert }: AdminResponse): string {
  const line = JSON.stringify({ exitCode, text, ...(isAlert ? { isAlert } : {}) });
  if (Buffer.byteLength(line) < responseBytesMax) return `${line}\n`;
  const tooLong = `The answer is over ${responseBytesMax / 1024 / 1024} MiB: ask for less of it.\n`;
  return `${JSON.stringify({ exitCode: 1, text: tooLong, isAlert: true })}\n`;
}

/** A response, or undefined for anything else. */
export function readResponse(line: string): AdminResponse | undefined {
  const value = parsed(line);
  if (!isRecord(value)) return undefined;
  const { exitCode, text, isAlert = false } = value;
  if (!Number.isInteger(exitCode) || typeof text !== 'string' || typeof isAlert !== 'boolean') {
    return undefined;
  }
  const code = exitCode as number;
  return code < 0 || code > 255 ? undefined : { exitCode: code, text, isAlert };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Collects the first line of a stream, up to a bound. */
export class FirstLine {
  readonly #bytesMax: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The line once it is whole, 'tooLong' beyond the bound, undefined before; then call no more. */
  push(chunk: Buffer): { readonly line: string } | 'tooLong' | undefined {
    const end = chunk.indexOf(lineEnd);
    const part = end === -1 ? chunk : chunk.subarray(0, end);
    this.#bytes += part.length;
    if (this.#bytes > this.#bytesMax) return 'tooLong';
    this.#chunks.push(part);
    return end === -1 ? undefined : { line: Buffer.concat(this.#chunks).toString('utf8') };
  }
}
