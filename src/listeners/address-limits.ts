import { isIPv6 } from 'node:net';
import type { ListenerLog } from './options.js';

/** Addresses that are remembered; beyond it the oldest is forgotten. */
const addressesMax = 10_000;
const minuteMs = 60_000;

interface AddressRecord {
  /**
   * Connections that may still be made at once: refilled by the rate, at most two seconds' worth.
   */
  tokens: number;
  refilledAt: number;
  failedLogins: number;
  /** Start of the minute in which `failedLogins` counts. */
  failedSince: number;
  /** Refused connections since the last log line about them. */
  refused: number;
  loggedAt: number;
}

/**
 * Connection rate and failed logins per remote address (`max_connect_rate`, `max_failed_logins`).
 * IPv6 addresses count by /64, which one host can have all of. Loopback has no rate.
 */
export class AddressLimits {
  readonly #maxConnectRate: number;
  readonly #maxFailedLogins: number;
  readonly #log: ListenerLog;
  readonly #records = new Map<string, AddressRecord>();

  constructor(maxConnectRate: number, maxFailedLogins: number, log: ListenerLog) {
    this.#maxConnectRate = maxConnectRate;
    this.#maxFailedLogins = maxFailedLogins;
    this.#log = log;
  }

  /** A connection came. False: it is refused now. */
  admit(host: string, now: number): boolean {
    const isLocal = isLoopback(host);
    if (isLocal && !this.#records.has(keyOf(host))) return true;
    const record = this.#recordOf(host, now);
    if (this.#hasFailedTooOften(record, now)) return this.#refuse(host, record, now, 'logins');
    if (isLocal || this.#maxConnectRate === 0) return true;
    const burst = this.#maxConnectRate * 2;
    const gained = ((now - record.refilledAt) / 1000) * this.#maxConnectRate;
    record.tokens = Math.min(burst, record.tokens + Math.max(gained, 0));
    record.refilledAt = now;
    if (record.tokens < 1) return this.#refuse(host, record, now, 'rate');
    record.tokens -= 1;
    return true;
  }

  noteFailedLogin(host: string, now: number): void {
    if (this.#maxFailedLogins === 0) return;
    const record = this.#recordOf(host, now);
    if (now - record.failedSince >= minuteMs) {
      record.failedSince = now;
      record.failedLogins = 0;
    }
    record.failedLogins += 1;
  }

  #hasFailedTooOften(record: AddressRecord, now: number): boolean {
    if (this.#maxFailedLogins === 0 || now - record.failedSince >= minuteMs) return false;
    return record.failedLogins >= this.#maxFailedLogins;
  }

  #refuse(host: string, record: AddressRecord, now: number, why: 'rate' | 'logins'): false {
    record.refused += 1;
    if (now - record.loggedAt < minuteMs) return false;
    const reason =
      why === 'rate'
        ? 'max_connect_rate is exceeded'
        : 'max_failed_logins is exceeded; it may connect again when a minute has passed';
    this.#log.warn({ peer: host, refused: record.refused }, `connections refused: ${reason}`);
    record.loggedAt = now;
    record.refused = 0;
    return false;
  }

  #recordOf(host: string, now: number): AddressRecord {
    const key = keyOf(host);
    let record = this.#records.get(key);
    if (record === undefined) {
      if (this.#records.size >= addressesMax) this.#forgetOldest();
      record = {
        tokens: this.#maxConnectRate * 2,
        refilledAt: now,
        failedLogins: 0,
        failedSince: now,
        refused: 0,
        loggedAt: 0,
      };
      this.#records.set(key, record);
    }
    return record;
  }

  #forgetOldest(): void {
    for (const key of this.#records.keys()) {
      this.#records.delete(key);
      return;
    }
  }
}

/** 127.0.0.0/8, ::1, and unix sockets, which have no address. */
export function isLoopback(host: string): boolean {
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host;
  return plain === '' || plain === '::1' || plain === 'localhost' || /^127(\.\d+){3}$/.test(plain);
}

function keyOf(host: string): string {
  if (!isIPv6(host) || host.startsWith('::ffff:')) return host;
  const [head = '', tail = ''] = host.split('::');
  const left = head.split(':').filter((part) => part !== '');
  const right = tail.split(':').filter((part) => part !== '');
  const zeros = Math.max(8 - left.length - right.length, 0);
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
