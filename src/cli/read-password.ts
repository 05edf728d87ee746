import { Buffer } from 'node:buffer';
import { text } from 'node:stream/consumers';
import type { ReadStream } from 'node:tty';

const endOfText = 0x03;
const endOfTransmission = 0x04;
const backspace = 0x08;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const eraseLine = 0x15;
const delete_ = 0x7f;

/** Bytes of MQTT's password field. */
const passwordBytesMax = 65_535;

/** Where a password comes from and where the prompts go. */
export interface PasswordSource {
  readonly input: NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;
  readonly prompts: NodeJS.WritableStream;
}

/**
 * The password that somebody types, twice and unseen; or the first line of the input where nobody
 * types (a pipe). Throws an Error with one line for the user.
 */
export async function readNewPassword(source: PasswordSource): Promise<Buffer> {
  const { input } = source;
  if (input.isTTY !== true) {
    const [line] = (await text(input as AsyncIterable<Buffer>)).split(/\r?\n/);
    return checked(Buffer.from(line ?? '', 'utf8'));
  }
  const password = checked(await readUnseen(source, 'Password: '));
  const again = await readUnseen(source, 'Reenter password: ');
  if (!password.equals(again)) throw new Error('the passwords do not match');
  return password;
}

export function checked(password: Buffer): Buffer {
  if (password.length === 0) throw new Error('the password is empty');
  if (password.length > passwordBytesMax) {
    throw new Error(`the password has more than ${passwordBytesMax} bytes`);
  }
  return password;
}

/** One line from a terminal in raw mode, which shows nothing of it. */
function readUnseen({ input, prompts }: PasswordSource, prompt: string): Promise<Buffer> {
  prompts.write(prompt);
  input.setRawMode?.(true);
  const typed: number[] = [];
  return new Promise<Buffer>((resolve, reject) => {
    const finish = (error: Error | undefined): void => {
      input.off('data', onData);
      input.off('end', onEnd);
      input.setRawMode?.(false);
      input.pause();
      prompts.write('\n');
      if (error === undefined) resolve(Buffer.from(typed));
      else reject(error);
    };
    const onEnd = (): void => finish(new Error('no password was typed'));
    const onData = (chunk: Buffer | string): void => {
      const bytes = Buffer.from(chunk as string);
      for (const [at, byte] of bytes.entries()) {
        if (byte === endOfText) return finish(new Error('interrupted'));
        if (byte === carriageReturn || byte === lineFeed || byte === endOfTransmission) {
          // What was pasted behind the line belongs to the next question.
          const rest = bytes.subarray(at + 1);
          finish(undefined);
          if (rest.length > 0) input.unshift(rest);
          return;
        }
        if (byte === backspace || byte === delete_) dropCharacter(typed);
        else if (byte === eraseLine) typed.length = 0;
        else typed.push(byte);
      }
    };
    input.on('data', onData);
    input.on('end', onEnd);
    input.resume();
  });
}

/** The last character of UTF-8: its continuation bytes and the byte before them. */
function dropCharacter(typed: number[]): void {
  let byte = typed.pop();
  while (byte !== undefined && (byte & 0xc0) === 0x80) byte = typed.pop();
}
