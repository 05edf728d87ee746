/** One count per code of one byte: Reason Codes of MQTT 5, or what a 3.x packet had instead (0). */
export class CountsByCode {
  // Doubles, since a 32-bit count of acknowledgements wraps within hours.
  readonly #counts = new Float64Array(256);

  /** Counts one packet. Only the low byte of `code` is used. */
  add(code: number): void {
    const at = code & 0xff;
    this.#counts[at] = (this.#counts[at] as number) + 1;
  }

  of(code: number): number {
    return this.#counts[code & 0xff] as number;
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts) total += count;
    return total;
  }

  /** Codes that were counted at least once, ascending. */
  *counted(): IterableIterator<number> {
    for (let code = 0; code < 256; code += 1) if (this.of(code) > 0) yield code;
  }
}
