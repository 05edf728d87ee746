/**
 * base: what every other room may stand on. Assertions, time and randomness as interfaces, the
 * timer wheel, tables of texts that may hold millions. Imports nothing, knows nothing of MQTT.
 */
export { assert, assertNever } from './assert.js';
export { ByteReader, ByteWriter, TruncatedRecord } from './bytes.js';
export { type Clock, type Random, SeededRandom } from './clock.js';
export { LargeMap } from './large-map.js';
export { keyTextHash } from './text-hash.js';
export { Column, NumberColumn, TextSlots } from './text-slots.js';
export { TimerWheel } from './timer-wheel.js';
