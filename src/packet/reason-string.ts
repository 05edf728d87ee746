import { Buffer } from 'node:buffer';
import { fieldMax } from './primitives.js';

/**
 * `reason` as a Reason String can be: at most 65,535 bytes of UTF-8 [MQTT5-1.5.4-1], cut between
 * two characters, and without U+0000 [MQTT5-1.5.4-2]. Reasons come from back ends, too, which do
 * not know that.
 */
export function reasonStringOf(reason: string): string {
  const text = reason.includes('\0') ? reason.replaceAll('\0', '\uFFFD') : reason;
  // No UTF-16 unit takes more than three bytes.
  if (text.length * 3 <= fieldMax) return text;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= fieldMax) return text;
  let end = fieldMax;
  while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
