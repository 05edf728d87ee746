import type { Chance } from './chance.js';
import type { Fault, FaultClass, FaultGround } from './fault.js';
import { linkFaults } from './link-faults.js';
import { type Loss, machineOf } from './network.js';
import type { Crash, SimNode } from './node.js';

/** Milliseconds that a wall clock may be wrong, far below what any session lives. */
const skewMaxMs = 2 * 3600 * 1000;

function upNode(ground: FaultGround, chance: Chance): SimNode | undefined {
  const up = ground.nodes.filter(({ isUp }) => isUp);
  return up.length === 0 ? undefined : chance.pick(up);
}

/** A fault of a node that is up. */
function onNode(
  name: string,
  weight: number,
  begin: (node: SimNode, chance: Chance, ground: FaultGround) => Fault | undefined,
): FaultClass {
  return {
    name,
    weight,
    isBetweenNodes: false,
    begin: (ground, chance) => {
      const node = upNode(ground, chance);
      return node && begin(node, chance, ground);
    },
  };
}

function outage(name: string, weight: number, end: (node: SimNode) => void): FaultClass {
  return onNode(name, weight, (node, chance) => {
    end(node);
    const durationMs = chance.around(2000);
    return { where: node.name, troubles: [], durationMs, mend: () => node.start() };
  });
}

const crash = (how: Crash) => (node: SimNode) => node.crash(how);

/** The disk behaves badly for a while. */
function onDisk(
  name: string,
  subject: (node: SimNode) => string,
  set: (node: SimNode, chance: Chance) => void,
  unset: (node: SimNode) => void,
): FaultClass {
  return onNode(name, 3, (node, chance) => {
    set(node, chance);
    return {
      where: node.name,
      troubles: [subject(node)],
      durationMs: chance.around(3000),
      mend: () => unset(node),
    };
  });
}

const storeOf = ({ name }: SimNode): string => `${name} store`;
const nameOf = ({ name }: SimNode): string => name;

function connectionLoss(loss: Loss): FaultClass {
  return onNode(`client connection lost, ${loss}`, 4, (node, chance, { network, nodes }) => {
    const isNode = (machine: string): boolean => nodes.some(({ name }) => name === machine);
    const all = network.connections(node.name, undefined);
    const ends = all.filter(({ remoteAddress }) => !isNode(machineOf(remoteAddress)));
    if (ends.length === 0) return undefined;
    const end = chance.pick(ends);
    // Which end is the one that learns is open, too.
    const { other } = end;
    network.lose(other !== undefined && chance.isHit(0.5) ? other : end, loss);
    return { where: end.remoteAddress, troubles: [], durationMs: 0, mend: undefined };
  });
}

/** Whoever served from a disk serves from another one; what was acknowledged meanwhile is gone. */
function setBack(ground: FaultGround, node: SimNode, keptUntil: number): void {
  const { history, scheduler, clients } = ground;
  const at = scheduler.now;
  history.setbacks.push({ node: node.name, at, keptUntil });
  for (const client of clients) {
    if (client.plan.addresses.includes(node.clientAddress)) client.cleanStartWanted();
  }
}

export const faultClasses: readonly FaultClass[] = [
  connectionLoss('both ends learn'),
  connectionLoss('one end learns'),
  connectionLoss('nobody learns'),
  outage('node killed', 4, crash('process')),
  outage('machine off', 3, crash('machine')),
  outage('node stopped in good order', 2, (node) => node.stop()),
  onNode('event loop stalled', 4, (node, chance) => {
    const durationMs = chance.around(1000);
    node.stall(durationMs);
    // Its end comes by itself.
    return { where: node.name, troubles: [node.name], durationMs, mend: () => {} };
  }),
  onNode('clock jumped', 2, ({ name, clock }, chance) => {
    const jumpMs = chance.pick([-1, 1]) * chance.around(20 * 60 * 1000);
    clock.skewMs = Math.max(-skewMaxMs, Math.min(skewMaxMs, clock.skewMs + jumpMs));
    return { where: `${name} by ${jumpMs} ms`, troubles: [], durationMs: 0, mend: undefined };
  }),
  onNode('restart without data', 0.4, (node, chance, ground) => {
    node.crash('process');
    node.disk.erase();
    setBack(ground, node, -1);
    const durationMs = chance.around(1000);
    return { where: node.name, troubles: [], durationMs, mend: () => node.start() };
  }),
  onNode('restored backup', 0.4, (node, chance, ground) => {
    const image = node.disk.image();
    const durationMs = chance.around(3000);
    const mend = (): void => {
      node.crash('machine');
      node.disk.restore(image);
      setBack(ground, node, image.takenAt);
      node.start();
    };
    return { where: node.name, troubles: [], durationMs, mend };
  }),
  onDisk(
    'disk full',
    storeOf,
    ({ disk }, chance) => (disk.freeBytes = chance.pick([0, 200, 3000])),
    ({ disk }) => (disk.freeBytes = Number.POSITIVE_INFINITY),
  ),
  onDisk(
    'disk failing',
    storeOf,
    ({ disk }) => (disk.isFailing = true),
    ({ disk }) => (disk.isFailing = false),
  ),
  onDisk(
    'disk slow',
    nameOf,
    ({ disk }, chance) => (disk.slownessMs = chance.between(20, 400)),
    ({ disk }) => (disk.slownessMs = 0),
  ),
  onDisk(
    'disk frozen',
    nameOf,
    ({ disk }) => disk.freeze(),
    ({ disk }) => disk.thaw(),
  ),
  ...linkFaults,
];

/** Names of the classes that did not occur in runs that counted so. */
export function missingFaults(counts: ReadonlyMap<string, number>, isCluster: boolean): string[] {
  return faultClasses
    .filter(({ isBetweenNodes }) => isCluster || !isBetweenNodes)
    .map(({ name }) => name)
    .filter((name) => !counts.has(`fault: ${name}`));
}
