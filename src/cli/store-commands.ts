import { backupStore, compactStore, showStore } from '../store/lmdb/mod.js';
import { CommandError, fail, readConfiguration } from './configuration.js';

function directoryOf(file: string | undefined, overrides: string[]): string {
  const { configuration, origin } = readConfiguration(file, overrides);
  if (configuration === undefined) {
    throw new CommandError(`${origin} has errors; \`nautilusmq check-config\` lists them`);
  }
  return configuration.options.platformDataDir;
}

export async function show(file: string | undefined, overrides: string[]): Promise<void> {
  try {
    const directory = directoryOf(file, overrides);
    const summary = await showStore(directory);
    console.log(`store    ${directory} (layout ${summary.layout}, site ${summary.site})`);
    console.log(`boot     ${summary.boot}`);
    const { holder } = summary;
    console.log(`in use   ${holder === undefined ? 'no' : `by process ${holder.pid}`}`);
    console.log(
      `file     ${bytes(summary.fileBytes)}, of which ${bytes(summary.unusedBytes)} free`,
    );
    console.log(`disk     ${bytes(summary.diskFreeBytes)} free`);
    for (const { table, entries, bytes: size } of summary.tables) {
      console.log(`  ${table.padEnd(14)}${String(entries).padStart(10)} records  ${bytes(size)}`);
    }
  } catch (error) {
    fail(error);
  }
}

export async function compact(file: string | undefined, overrides: string[]): Promise<void> {
  try {
    const { bytesBefore, bytesAfter } = await compactStore(directoryOf(file, overrides));
    console.log(`compacted: ${bytes(bytesBefore)} before, ${bytes(bytesAfter)} after`);
  } catch (error) {
    fail(error);
  }
}

export async function backup(
  target: string,
  file: string | undefined,
  overrides: string[],
): Promise<void> {
  try {
    const size = await backupStore(directoryOf(file, overrides), target);
    console.log(`copied ${bytes(size)} to ${target}`);
  } catch (error) {
    fail(error);
  }
}

function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
