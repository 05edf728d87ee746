import { type ByteReader, ByteWriter } from '../base/mod.js';
import { type Entry, EntryState } from '../queue/mod.js';

/**
 * What is in flight, in order of sending: runs of entries whose sequences and Packet Identifiers
 * both ascend by one. A pipelined subscriber is one run, however large its window is.
 */
export interface FlightRun {
  readonly sequence: number;
  readonly packetIdentifier: number;
  count: number;
  readonly released: boolean;
}

export interface StateRecord {
  /** Entries from this sequence on are waiting; lower ones are in `runs` or done. */
  readonly waitingFrom: number;
  readonly runs: readonly FlightRun[];
  /** QoS 2 Packet Identifiers received and not released. */
  readonly received: readonly number[];
}

/** `inflight` in order of sending. */
export function writeState(
  waitingFrom: number,
  inflight: Iterable<Entry>,
  received: ReadonlyMap<number, number> | undefined,
): Buffer {
  const runs = runsOf(inflight);
  const writer = new ByteWriter(64);
  writer.varint(waitingFrom);
  writer.varint(runs.length);
  for (const run of runs) {
    writer.varint(run.sequence);
    writer.varint(run.packetIdentifier);
    writer.varint(run.count * 2 + (run.released ? 1 : 0));
  }
  writeReceived(writer, received);
  return writer.take();
}

function runsOf(inflight: Iterable<Entry>): FlightRun[] {
  const runs: FlightRun[] = [];
  let last: FlightRun | undefined;
  for (const entry of inflight) {
    if (entry.sequence === 0) continue;
    const released = entry.state === EntryState.Released;
    if (
      last !== undefined &&
      last.released === released &&
      last.sequence + last.count === entry.sequence &&
      last.packetIdentifier + last.count === entry.packetIdentifier
    ) {
      last.count += 1;
      continue;
    }
    last = {
      sequence: entry.sequence,
      packetIdentifier: entry.packetIdentifier,
      count: 1,
      released,
    };
    runs.push(last);
  }
  return runs;
}

/** Runs of ascending identifiers, in the map's order, which is the order of arrival. */
function writeReceived(
  writer: ByteWriter,
  received: ReadonlyMap<number, number> | undefined,
): void {
  const runs: { start: number; count: number }[] = [];
  let last: { start: number; count: number } | undefined;
  for (const identifier of received?.keys() ?? []) {
    if (last !== undefined && last.start + last.count === identifier) {
      last.count += 1;
    } else {
      last = { start: identifier, count: 1 };
      runs.push(last);
    }
  }
  writer.varint(runs.length);
  for (const run of runs) {
    writer.varint(run.start);
    writer.varint(run.count);
  }
}

export function readState(reader: ByteReader): StateRecord {
  const waitingFrom = reader.varint();
  const runs: FlightRun[] = [];
  for (let left = reader.varint(); left > 0; left -= 1) {
    const sequence = reader.varint();
    const packetIdentifier = reader.varint();
    const packed = reader.varint();
    runs.push({
      sequence,
      packetIdentifier,
      count: Math.floor(packed / 2),
      released: packed % 2 === 1,
    });
  }
  const received: number[] = [];
  for (let left = reader.varint(); left > 0; left -= 1) {
    const start = reader.varint();
    const count = reader.varint();
    for (let at = 0; at < count; at += 1) received.push(start + at);
  }
  return { waitingFrom, runs, received };
}
