let keyLow = 0x2545f491;
let keyHigh = 0x4f6cdd1d;
let isUsed = false;

/**
 * Sets the key for this process: two random numbers, at its start. Once a hash was asked for the
 * key stays as it is. Nothing but the place of a text in memory follows from it.
 */
export function keyTextHash(low: number, high: number): void {
  if (isUsed) return;
  keyLow = low | 0;
  keyHigh = high | 0;
}

/**
 * 32 bits, signed, of a text that a stranger may have chosen: HalfSipHash-1-3 over its UTF-16 code
 * units with a key that nobody knows, so that nobody can choose many texts of one hash. Source:
 * Aumasson and Bernstein, SipHash: a fast short-input PRF, 2012, and its 32-bit variant.
 */
export function textHash(text: string): number {
  isUsed = true;
  let a = keyLow;
  let b = keyHigh;
  let c = keyLow ^ 0x6c796765;
  let d = keyHigh ^ 0x74656462;
  const { length } = text;
  // One word more than the text has pairs: what is left of it, and its length.
  for (let at = 0; at <= length; at += 2) {
    let word = length << 24;
    if (at + 1 < length) word = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
    else if (at < length) word ^= text.charCodeAt(at);
    d ^= word;
    a = (a + b) | 0;
    b = ((b << 5) | (b >>> 27)) ^ a;
    a = (a << 16) | (a >>> 16);
    c = (c + d) | 0;
    d = ((d << 8) | (d >>> 24)) ^ c;
    a = (a + d) | 0;
    d = ((d << 7) | (d >>> 25)) ^ a;
    c = (c + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ c;
    c = (c << 16) | (c >>> 16);
    a ^= word;
  }
  c ^= 0xff;
  for (let round = 0; round < 3; round += 1) {
    a = (a + b) | 0;
    b = ((b << 5) | (b >>> 27)) ^ a;
    a = (a << 16) | (a >>> 16);
    c = (c + d) | 0;
    d = ((d << 8) | (d >>> 24)) ^ c;
    a = (a + d) | 0;
    d = ((d << 7) | (d >>> 25)) ^ a;
    c = (c + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ c;
    c = (c << 16) | (c >>> 16);
  }
  return b ^ d;
}
