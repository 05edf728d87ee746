/** A copy of the compiled program in which one piece of one file is another one. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Patch {
  /** Below src/, as it is written: `cluster/cluster.ts`. */
  readonly file: string;
  /** A piece of it that is there once, and that the compiler leaves as it is. */
  readonly find: string;
  readonly replace: string;
}

/** Where this program was compiled to. */
const build = dirname(dirname(fileURLToPath(import.meta.url)));
const copied = ['src', 'sim'];

/** A directory with all that a simulation needs; the caller removes it. */
export class PatchedBuild {
  readonly directory: string;

  /** Throws when a patch no longer fits its file. */
  constructor(patches: readonly Patch[]) {
    this.directory = mkdtempSync(join(tmpdir(), 'sim-variant-'));
    for (const part of copied) {
      cpSync(join(build, part), join(this.directory, part), {
        recursive: true,
        filter: (path) => extname(path) === '' || path.endsWith('.js'),
      });
    }
    writeFileSync(join(this.directory, 'package.json'), '{ "type": "module" }\n');
    try {
      for (const patch of patches) this.#apply(patch);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #apply({ file, find, replace }: Patch): void {
    const path = join(this.directory, 'src', file.replace(/\.ts$/, '.js'));
    const parts = readFileSync(path, 'utf8').split(find);
    if (parts.length !== 2) {
      const others = this.#filesWith(find);
      const place = others.length > 0 ? `; it is in ${others.join(', ')}` : '';
      const count = parts.length - 1;
      const what = `src/${file} has ${count} times, not once, what a variant changes`;
      throw new Error(`${what}: ${find}${place}. See docs/simulator.md, broken variants`);
    }
    writeFileSync(path, parts.join(replace));
  }

  /** It may have moved. */
  #filesWith(text: string): string[] {
    const files = readdirSync(join(this.directory, 'src'), { recursive: true, encoding: 'utf8' });
    return files.filter((path) => {
      if (!path.endsWith('.js')) return false;
      return readFileSync(join(this.directory, 'src', path), 'utf8').includes(text);
    });
  }
}
