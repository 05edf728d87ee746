import type { Chance } from './chance.js';
import type { SimClient } from './client.js';
import type { History } from './history.js';
import type { Network } from './network.js';
import type { SimNode } from './node.js';
import type { Scheduler } from './scheduler.js';
import type { Story } from './story.js';

/** What faults are done to. */
export interface FaultGround {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly story: Story;
  readonly history: History;
  readonly nodes: readonly SimNode[];
  readonly clients: readonly SimClient[];
  /** The nodes know each other: what happens between them matters. */
  readonly isCluster: boolean;
}

/** A fault that was done. */
export interface Fault {
  /** For the story. */
  readonly where: string;
  /** Whose answers may be late meanwhile; see `Trouble.subject`. */
  readonly troubles: readonly string[];
  readonly durationMs: number;
  /** Undefined: there is nothing to mend. */
  readonly mend: (() => void) | undefined;
}

export interface FaultClass {
  readonly name: string;
  readonly weight: number;
  /** Without a cluster nothing would be seen of it. */
  readonly isBetweenNodes: boolean;
  /** Undefined: there was nothing to break. */
  begin(ground: FaultGround, chance: Chance): Fault | undefined;
}
