/**
 * What it costs two members when the third dies, which had many clients: how long until those count
 * no more, and how long any turn takes. Whole cores in one process, with the simulator's clock,
 * network and disk and no sockets; the time that turns take is true.
 * Run: `node dist/bench/scale/dead-member.js [clients] [clean | wills]`.
 */
import { performance } from 'node:perf_hooks';
import { RowKind } from '../../src/cluster/metadata/mod.js';
import { type Core, TestClient } from '../../test/broker/core.js';
import { connect } from '../../test/fixtures/client-packets.js';
import { names, running, type Rig } from '../../test/sim/cluster-rig.js';
import { ownCpuMs } from '../micro/turns.js';

const [clients, withWills] = [Number(process.argv[2] ?? 100_000), process.argv[3] === 'wills'];
const connectedAtOnce = 200;
/** Longer than `cluster.dead_node_will_delay` and what follows from it. */
const watchedMs = 20_000;

/** True durations of what happens in the simulator: a turn of one node, mostly. */
class Watch {
  longestMs = 0;
  longestCpuMs = 0;
  over5 = 0;

  constructor({ scheduler }: Rig) {
    const at = scheduler.at.bind(scheduler);
    scheduler.at = (when, run) => at(when, () => this.time(run));
  }

  time(run: () => void): void {
    const cpuFrom = ownCpuMs();
    const from = performance.now();
    run();
    const ms = performance.now() - from;
    const cpuMs = ownCpuMs() - cpuFrom;
    this.longestMs = Math.max(this.longestMs, ms);
    this.longestCpuMs = Math.max(this.longestCpuMs, cpuMs);
    if (cpuMs > 5) this.over5 += 1;
  }

  say(what: string): void {
    const text = `${this.longestMs.toFixed(1)} ms, ${this.longestCpuMs.toFixed(1)} ms on the processor`;
    process.stdout.write(`${what}: longest turn ${text}, ${this.over5} turns over 5 ms\n`);
    [this.longestMs, this.longestCpuMs, this.over5] = [0, 0, 0];
  }
}

function connectAll(rig: Rig): void {
  const { broker } = rig.core('c');
  const node = rig.nodes[names.indexOf('c')];
  const core = {
    broker,
    clients: [],
    clock: { at: 0, now: () => node?.clock.wall() ?? 0 },
    turn: () => {},
  };
  for (let at = 0; at < clients; at += 1) {
    core.clock.at = core.clock.now();
    const client = new TestClient(core as unknown as Core, 5, {});
    const will = withWills
      ? { will: { topicName: `gone/${at}`, payload: 'x', qos: 1 as const } }
      : {};
    client.send(connect(5, { clientIdentifier: `client ${at}`, ...will }));
    if (at % connectedAtOnce === connectedAtOnce - 1) rig.run(20);
  }
  rig.run(2000);
}

/** Rows that count. */
function count(rig: Rig, name: string, kind: RowKind): number {
  const { tables } = rig.core(name).cluster;
  const cursor = tables.cursor(kind);
  let rows = 0;
  for (let row = cursor.next(); row !== undefined; row = cursor.next()) {
    if (tables.wins(row) && !row.isOverride) rows += 1;
  }
  return rows;
}

const rig = running();
const watch = new Watch(rig);
connectAll(rig);
const kind = withWills ? RowKind.Will : RowKind.CleanSession;
for (const name of ['a', 'b']) {
  if (count(rig, name, kind) !== clients) throw new Error(`${name} lacks rows`);
}
watch.say(`${clients} clients ${withWills ? 'with wills ' : ''}connect to one of three members`);

const { tables } = rig.core('a').cluster;
const died = rig.scheduler.now;
const site = rig.core('c').cluster.site;
rig.nodes[names.indexOf('c')]?.crash('process');
while (!tables.isMasked(site)) rig.scheduler.runUntil(rig.scheduler.now + 10);
process.stdout.write(
  `It dies: its clean sessions count no more after ${rig.scheduler.now - died} ms\n`,
);
rig.run(watchedMs);
if (withWills) {
  const open = count(rig, 'a', kind);
  process.stdout.write(`wills that are still there after ${watchedMs / 1000} s: ${open}\n`);
}
watch.say(`${watchedMs / 1000} s after its death`);
