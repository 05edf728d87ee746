import { Column, NumberColumn, TextSlots } from '../../base/mod.js';
import type { Site } from '../identity/mod.js';
import { makeRow, type Row, type RowKind } from './rows.js';

/** Slots of one store: what a log entry has room for. */
export const slotsMax: number = 2 ** 27;

/**
 * The rows of one kind of one site, each key once, as columns: a row is made when somebody asks for
 * it. Kept as objects a million of them cost twice the memory, and the garbage collector's walk
 * over them stops the process. Measured by `bench/micro/rows.ts`.
 */
export class RowStore {
  readonly #site: Site;
  readonly #kind: RowKind;
  readonly #areDeleted: boolean;
  readonly #keys = new TextSlots();
  readonly #numbers = new NumberColumn();
  readonly #stamps = new NumberColumn();
  readonly #values = new Column<Uint8Array | undefined>();

  /** `areDeleted`: it is for tombstones; else a row without a value is an override. */
  constructor(site: Site, kind: RowKind, areDeleted: boolean) {
    this.#site = site;
    this.#kind = kind;
    this.#areDeleted = areDeleted;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** -1: no row has this key. */
  slotOf(key: string): number {
    return this.#keys.slotOf(key);
  }

  get(key: string): Row | undefined {
    const slot = this.#keys.slotOf(key);
    return slot < 0 ? undefined : this.at(slot);
  }

  /** The row in a slot; undefined: there is none. */
  at(slot: number): Row | undefined {
    const key = this.#keys.textOf(slot);
    if (key === undefined) return undefined;
    const value = this.#values.get(slot);
    const isOverride = value === undefined && !this.#areDeleted;
    const [number, stamp] = [this.#numbers.get(slot), this.#stamps.get(slot)];
    return makeRow(this.#site, number, this.#kind, key, value, stamp, isOverride);
  }

  numberAt(slot: number): number {
    return this.#numbers.get(slot);
  }

  /** In the place of what the key had, if anything. Returns the slot. */
  set({ key, number, stamp, value }: Row): number {
    const known = this.#keys.slotOf(key);
    const slot = known < 0 ? this.#keys.add(key) : known;
    this.#numbers.set(slot, number);
    this.#stamps.set(slot, stamp);
    this.#values.set(slot, value);
    return slot;
  }

  /** Forgets the row in a slot that has one. */
  free(slot: number): void {
    this.#values.set(slot, undefined);
    if (!this.#keys.free(slot)) return;
    this.#numbers.drop(slot);
    this.#stamps.drop(slot);
    this.#values.drop(slot);
  }

  /** What is there all the time is seen, whatever comes, changes and goes meanwhile. */
  *rows(): Generator<Row> {
    for (let slot = 0; slot < this.#keys.end; slot += 1) {
      const row = this.at(slot);
      if (row !== undefined) yield row;
    }
  }
}
