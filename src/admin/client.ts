import net from 'node:net';
import { connectPath } from './address.js';
import { AdminError, codeOf } from './admin-error.js';
import {
  FirstLine,
  greetingWithinMs,
  readResponse,
  requestBytesMax,
  requestLine,
  responseBytesMax,
  silenceMaxMs,
} from './protocol.js';
import type { AdminRequest } from './request.js';
import type { AdminResponse } from './run-command.js';

/** Bytes of signs of life besides the response: a day of them. */
const signsMax = 64 * 1024;

/** Silences that a client bears, in milliseconds. */
export interface AskLimits {
  readonly greetingMs: number;
  readonly silenceMs: number;
}

const usualLimits: AskLimits = { greetingMs: greetingWithinMs, silenceMs: silenceMaxMs };

/**
 * Asks the node that serves from a data directory. Undefined: no node does, or it does not even
 * take notice of us. Rejects with an {@link AdminError}: ADMIN_FORBIDDEN, ADMIN_TIMEOUT,
 * ADMIN_BROKEN or ADMIN_TOO_LARGE.
 */
export async function askNode(
  directory: string,
  request: AdminRequest,
  limits: AskLimits = usualLimits,
): Promise<AdminResponse | undefined> {
  const line = requestLine(request);
  if (Buffer.byteLength(line) > requestBytesMax) {
    const text = `the command is over ${requestBytesMax / 1024} KiB: give it less at a time`;
    throw new AdminError('ADMIN_TOO_LARGE', text);
  }
  const path = connectPath(directory);
  return new Promise((resolve, reject) => exchange(path, line, limits, resolve, reject));
}

function exchange(
  path: string,
  line: string,
  { greetingMs, silenceMs }: AskLimits,
  resolve: (response: AdminResponse | undefined) => void,
  reject: (error: Error) => void,
): void {
  const response = new FirstLine(responseBytesMax + signsMax);
  let wasGreeted = false;
  const socket = net.connect({ path }, () => socket.write(line));
  const settle = (finish: () => void): void => {
    // Its `close` must find nobody who could settle once more.
    socket
      .removeAllListeners()
      .on('error', () => undefined)
      .destroy();
    finish();
  };
  const broken = (text: string): void => settle(() => reject(new AdminError('ADMIN_BROKEN', text)));
  socket.setTimeout(greetingMs, () => {
    if (!wasGreeted) settle(() => resolve(undefined));
    else {
      const text = `no answer for ${silenceMs / 1000} s; the node may still be doing it`;
      settle(() => reject(new AdminError('ADMIN_TIMEOUT', text)));
    }
  });
  socket.on('error', (error) => settle(() => onError(error, path, resolve, reject)));
  socket.on('data', (chunk) => {
    wasGreeted = true;
    socket.setTimeout(silenceMs);
    const found = response.push(chunk);
    if (found === 'tooLong') broken('the answer is larger than allowed');
    else if (found !== undefined) {
      const parsed = readResponse(found.line);
      if (parsed === undefined) broken('the answer is not one of a node');
      else settle(() => resolve(parsed));
    }
  });
  socket.on('close', () => broken('the node closed the connection without an answer'));
}

function onError(
  error: Error,
  path: string,
  resolve: (response: undefined) => void,
  reject: (error: Error) => void,
): void {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTDIR':
      resolve(undefined);
      return;
    case 'EACCES':
    case 'EPERM': {
      const text = `only the owner of the data directory may use ${path}: run this as that user`;
      reject(new AdminError('ADMIN_FORBIDDEN', text, error));
      return;
    }
    default:
      reject(new AdminError('ADMIN_BROKEN', `${path}: ${error.message}`, error));
  }
}
