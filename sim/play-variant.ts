import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PatchedBuild } from './patched-build.js';
import type { playOf } from './plays.js';
import type { Outcome, simulate } from './simulation.js';
import type { Variant } from './variants.js';

/** Plays a script, or a seed, with a core that is broken as `variant` says. */
export async function playVariant(
  variant: Variant,
  play: string | number,
  isTold: boolean,
): Promise<Outcome> {
  const build = new PatchedBuild(variant.patches);
  try {
    const load = (path: string): Promise<unknown> =>
      import(pathToFileURL(join(build.directory, path)).href);
    // The same modules, of another build: nothing of this one is in that core.
    const plays = (await load('sim/plays.js')) as { playOf: typeof playOf };
    const simulation = (await load('sim/simulation.js')) as { simulate: typeof simulate };
    return simulation.simulate(plays.playOf(play, isTold));
  } finally {
    build.remove();
  }
}
