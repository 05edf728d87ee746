import { randomBytes } from 'node:crypto';
import { type Environment, statisticsOf, tableOf } from './environment.js';
import { dataFile } from './environment.js';
import { StoreOpenError } from './errors.js';

/** Who this data directory is. */
export interface StoreIdentity {
  /** 32 hex digits, random, made with the directory. A copy of a directory has it too. */
  readonly site: string;
  /** How many times the directory was opened for serving, from 1; committed before it is used. */
  readonly boot: number;
}

/** The layout that this version writes. Raised when the meaning of stored records changes. */
export const layoutVersion = 1;

/** Keys of `meta` that belong to the store itself; the broker's own keys there begin otherwise. */
const layoutKey = Buffer.from('layout');
const siteKey = Buffer.from('site');
const bootKey = Buffer.from('boot');

/** What is written down, or `undefined` in a store that was only just created. */
export function readIdentity(
  environment: Environment,
): (StoreIdentity & { layout: number }) | undefined {
  const meta = tableOf(environment, 'meta');
  const layout = meta.get(layoutKey);
  if (layout === undefined) return undefined;
  const site = meta.get(siteKey);
  const boot = meta.get(bootKey);
  return {
    layout: Number(layout.toString('latin1')),
    site: site?.toString('hex') ?? '',
    boot: boot === undefined ? 0 : Number(boot.toString('latin1')),
  };
}

/**
 * Refuses a store that this version must not touch: STORE_LAYOUT for a newer layout, or for an LMDB
 * file with records but without our marks.
 */
export function checkLayout(environment: Environment, directory: string): void {
  const identity = readIdentity(environment);
  if (identity === undefined) {
    const entries = environment.tables.reduce((sum, t) => sum + statisticsOf(t).entryCount, 0);
    const names = statisticsOf(environment.root).entryCount;
    if (entries === 0 && names <= environment.tables.length) return;
    throw new StoreOpenError(
      'STORE_LAYOUT',
      `${dataFile(directory)} holds records but no layout version, so it is not a NautilusMQ store; choose another data directory or move the file away.`,
    );
  }
  if (identity.layout > layoutVersion || !Number.isInteger(identity.layout)) {
    throw new StoreOpenError(
      'STORE_LAYOUT',
      `The data directory ${directory} has layout ${identity.layout}, this version reads up to ${layoutVersion}; start the newer NautilusMQ that wrote it, or use another data directory.`,
    );
  }
}

/**
 * Counts one more boot, above `bootAbove` if that is more, and gives a new directory its site.
 * Durable when it returns.
 */
export function nextBoot(environment: Environment, bootAbove: number): StoreIdentity {
  const meta = tableOf(environment, 'meta');
  const before = readIdentity(environment);
  const site = before?.site || randomBytes(16).toString('hex');
  const boot = Math.max(before?.boot ?? 0, bootAbove) + 1;
  environment.root.transactionSync(() => {
    meta.putSync(layoutKey, Buffer.from(String(layoutVersion)));
    meta.putSync(siteKey, Buffer.from(site, 'hex'));
    meta.putSync(bootKey, Buffer.from(String(boot)));
  });
  environment.root.resetReadTxn();
  return { site, boot };
}
