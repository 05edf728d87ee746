import { Buffer } from 'node:buffer';

/** What a row is about. */
export interface RouteName {
  readonly mountpoint: string;
  /** Name of a shared subscription; '': the filter itself. */
  readonly group: string;
  readonly filter: string;
}

/** What one member tells the others of a filter, or of a shared subscription. */
export interface RouteValue {
  readonly hasPersistent: boolean;
  /** Connected members of the shared subscription; 0 where there is none. */
  readonly online: number;
  /** All its members. */
  readonly total: number;
}

/** U+0000 is in no mountpoint, group or filter. */
const separator = '\0';

export function routeKey({ mountpoint, group, filter }: RouteName): string {
  return `${mountpoint}${separator}${group}${separator}${filter}`;
}

/** Undefined: no key of ours. */
export function readRouteKey(key: string): RouteName | undefined {
  const [mountpoint, group, filter, more] = key.split(separator);
  if (mountpoint === undefined || group === undefined || filter === undefined) return undefined;
  return more === undefined && filter !== '' ? { mountpoint, group, filter } : undefined;
}

/** The values of nearly every row, made once: a million rows share them. */
const plainBytes = Buffer.from([0]);
const persistentBytes = Buffer.from([1]);

const countsMax = 0xffff_ffff;

export function routeValueBytes({ hasPersistent, online, total }: RouteValue): Uint8Array {
  if (total === 0) return hasPersistent ? persistentBytes : plainBytes;
  const bytes = Buffer.alloc(9);
  bytes[0] = hasPersistent ? 1 : 0;
  bytes.writeUInt32LE(Math.min(online, countsMax), 1);
  bytes.writeUInt32LE(Math.min(total, countsMax), 5);
  return bytes;
}

/** Undefined: no value of ours. Bytes behind it are a newer version's. */
export function readRouteValue(bytes: Uint8Array): RouteValue | undefined {
  const [flags] = bytes;
  if (flags === undefined) return undefined;
  const hasPersistent = (flags & 1) !== 0;
  if (bytes.length < 9) return { hasPersistent, online: 0, total: 0 };
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { hasPersistent, online: view.readUInt32LE(1), total: view.readUInt32LE(5) };
}
