import type { Chance } from './chance.js';
import type { Fault, FaultClass, FaultGround } from './fault.js';
import type { Path } from './path.js';

/** The ways between one node and one other machine, there and back. */
interface Way {
  readonly there: Path;
  readonly back: Path;
  /** As in `Trouble.subject`. */
  readonly subject: string;
}

type Chooser = (ground: FaultGround, chance: Chance) => Way[];

function wayBetween({ network }: FaultGround, from: string, to: string): Way {
  const subject = `${from}~${to}`;
  return { there: network.path(from, to), back: network.path(to, from), subject };
}

/** From some client to a node. */
function clientWay(ground: FaultGround, chance: Chance): Way[] {
  const client = chance.pick(ground.clients);
  return [wayBetween(ground, client.plan.device, chance.pick(ground.nodes).name)];
}

/** Between two nodes. */
function pair(ground: FaultGround, chance: Chance): Way[] {
  if (ground.nodes.length < 2) return [];
  const one = chance.pick(ground.nodes);
  const other = chance.pick(ground.nodes.filter((node) => node !== one));
  return [wayBetween(ground, one.name, other.name)];
}

/** Between a few nodes and all others: which side is larger is up to chance. */
function split(ground: FaultGround, chance: Chance): Way[] {
  const here = ground.nodes.filter(() => chance.isHit(0.4));
  const there = ground.nodes.filter((node) => !here.includes(node));
  return here.flatMap((one) => there.map((other) => wayBetween(ground, one.name, other.name)));
}

/** Something about paths, mended by undoing it. */
function onWays(
  name: string,
  weight: number,
  choose: Chooser,
  isBetweenNodes: boolean,
  apply: (ways: readonly Way[], chance: Chance, ground: FaultGround) => () => void,
): FaultClass {
  const begin = (ground: FaultGround, chance: Chance): Fault | undefined => {
    const ways = choose(ground, chance);
    if (ways.length === 0) return undefined;
    const durationMs = chance.around(isBetweenNodes ? 4000 : 2000);
    const mend = apply(ways, chance, ground);
    const troubles = ways.map(({ subject }) => subject);
    return { where: troubles.join(', '), troubles, durationMs, mend };
  };
  return { name, weight, isBetweenNodes, begin };
}

function cut(paths: readonly Path[]): () => void {
  for (const path of paths) path.isCut = true;
  return () => {
    for (const path of paths) path.mend();
  };
}

const bothWays = (ways: readonly Way[]): Path[] => ways.flatMap(({ there, back }) => [there, back]);

const oneWay = (ways: readonly Way[], chance: Chance): Path[] =>
  chance.isHit(0.5) ? ways.map(({ there }) => there) : ways.map(({ back }) => back);

/** Slower, and with less room, by a factor of 10 to 100. */
function slow(ways: readonly Way[], chance: Chance): () => void {
  const factor = chance.between(10, 100);
  const paths = bothWays(ways);
  for (const path of paths) {
    const { delayMs, jitterMs, bytesPerMs } = path.normal;
    path.quality = {
      delayMs: delayMs * Math.min(factor, 20),
      jitterMs: jitterMs * factor,
      bytesPerMs: bytesPerMs / factor,
    };
  }
  return () => {
    for (const path of paths) path.quality = path.normal;
  };
}

/** Cut and mended every few hundred milliseconds. */
function flap(ways: readonly Way[], chance: Chance, { scheduler }: FaultGround): () => void {
  const paths = bothWays(ways);
  const periodMs = chance.between(100, 1000);
  let isOver = false;
  const turn = (): void => {
    if (isOver) return;
    for (const path of paths) {
      if (path.isCut) path.mend();
      else path.isCut = true;
    }
    scheduler.after(periodMs, turn);
  };
  turn();
  return () => {
    isOver = true;
    for (const path of paths) path.mend();
  };
}

const silentLossMs = 3000;

/** The connections between two nodes are lost, and can be made again at once. */
const linkLoss: FaultClass = {
  name: 'link between nodes lost',
  weight: 4,
  isBetweenNodes: true,
  begin: (ground, chance) => {
    const [way] = pair(ground, chance);
    if (way === undefined) return undefined;
    const ends = ground.network.connections(way.there.from, way.there.to);
    if (ends.length === 0) return undefined;
    const loss = chance.pick(['both ends learn', 'one end learns', 'nobody learns'] as const);
    const lost = chance.isHit(0.5) ? ends : [chance.pick(ends)];
    for (const end of lost) ground.network.lose(end, loss);
    const where = `${way.subject}, ${loss}`;
    // Whoever does not learn of it needs its failure timeout.
    const durationMs = loss === 'both ends learn' ? 0 : silentLossMs;
    return { where, troubles: [way.subject], durationMs, mend: () => {} };
  },
};

/** What can happen to the ways between machines. */
export const linkFaults: readonly FaultClass[] = [
  onWays('client cut off', 3, clientWay, false, (ways) => cut(bothWays(ways))),
  onWays('client cut off one way', 3, clientWay, false, (ways, chance) =>
    cut(oneWay(ways, chance)),
  ),
  onWays('client on a slow path', 2, clientWay, false, slow),
  onWays('client on a flapping path', 2, clientWay, false, flap),
  linkLoss,
  onWays('netsplit', 4, split, true, (ways) => cut(bothWays(ways))),
  onWays('two nodes cut apart', 4, pair, true, (ways) => cut(bothWays(ways))),
  onWays('two nodes cut apart one way', 4, pair, true, (ways, chance) => cut(oneWay(ways, chance))),
  onWays('slow link between nodes', 3, pair, true, slow),
  onWays('flapping link between nodes', 3, pair, true, flap),
];
