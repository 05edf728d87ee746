// npm run demo:incident [-- --quick]: the night on which one node of three died and the healthy two
// stopped serving, played twice with real nodes and real clients on this machine.
import './node-version.mjs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compile } from './compile.mjs';
import { Phone } from './demo-client.mjs';
import { DemoNode } from './demo-node.mjs';
import { install } from './install.mjs';
import { main, Refusal } from './workspace.mjs';

const isQuick = process.argv.includes('--quick');
/** Two days in the story. */
const outageMs = isQuick ? 10_000 : 20_000;
const calmMs = isQuick ? 1500 : 4000;
const callEveryMs = 100;
const settleMaxMs = 15_000;

const operations = ['register', 'publish', 'subscribe', 'unsubscribe'];
const acts = [
  { title: "VerneMQ's defaults", policy: 'off' },
  { title: 'the configuration that we ship', policy: 'majority' },
];
const places = ['guangzhou', 'hongkong', 'siliconvalley'];

const running = new Set();
let actStartedAt = 0;
/** Three nodes that find each other for the first time have much to say that is no part of this. */
let isTold = false;

await main(async () => {
  install();
  compile();
  const directory = mkdtempSync(join(tmpdir(), 'nautilusmq-demo-'));
  process.on('exit', () => {
    for (const node of running) node.killNow();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  const results = [];
  for (const [index, act] of acts.entries()) {
    results.push(await play(act, index, join(directory, String(index))));
  }
  summary(results);
  process.exit(0);
});

async function play(act, index, directory) {
  actStartedAt = performance.now();
  isTold = false;
  heading(`Act ${index + 1}: ${act.title} (allow_*_during_netsplit = ${act.policy})`);
  const nodes = newNodes(act, index, directory);
  const [, middle, dead] = nodes;
  const phones = newPhones(nodes);
  try {
    await Promise.all(nodes.map((node) => node.start()));
    await untilWhole(nodes);
    say('cluster', 'three nodes serve and see each other');
    isTold = true;
    for (const phone of phones) void phone.run();
    await sleep(500);
    const calls = setInterval(() => phones.forEach((phone) => phone.call()), callEveryMs);
    await sleep(calmMs);
    for (const phone of phones) phone.forget();

    const killedAt = performance.now();
    say('cluster', `kill -9 of ${dead.name} in ${dead.place}; nobody restarts it`);
    await dead.kill();
    await sleep(Math.min(3000, outageMs / 2));
    show(middle);
    await sleep(Math.max(0, outageMs - (performance.now() - killedAt)));
    const outage = count(phones, killedAt);
    const backAt = performance.now();
    say('cluster', `${dead.place} is started again, with its data`);
    await dead.start();
    const portMs = performance.now() - backAt;
    await untilWhole(nodes);
    const served = await untilServed(phones, backAt);
    clearInterval(calls);
    const lost = await untilDelivered(phones);
    say('cluster', `all is well again; ${lost} acknowledged calls never arrived`);
    return { ...outage, portMs, servedMs: served, lost };
  } finally {
    for (const phone of phones) phone.stop();
    await Promise.all(nodes.map((node) => node.kill()));
    for (const node of nodes) running.delete(node);
  }
}

/** Each act has a network of its own: what is left of the first is in nobody's way. */
function newNodes(act, index, directory) {
  const prefix = `127.${83 + index}.${1 + (process.pid % 250)}`;
  const addresses = places.map((_, at) => `${prefix}.${at + 1}`);
  const settings = Object.fromEntries(
    operations.map((operation) => [`allow_${operation}_during_netsplit`, act.policy]),
  );
  return places.map((place, at) => {
    const node = new DemoNode({
      ...{ place, settings, address: addresses[at], seeds: addresses },
      directory: join(directory, place),
      tell: (from, line) => isTold && say(from.place, `log: ${line}`),
    });
    running.add(node);
    return node;
  });
}

/** Each calls the next one; home is the node next to it, then the others. */
function newPhones(nodes) {
  const names = ['anna', 'bao', 'carol'];
  return names.map((name, at) => {
    const order = [...nodes.slice(at), ...nodes.slice(0, at)];
    const peer = names[(at + 1) % names.length];
    const version = name === 'bao' ? 4 : 5;
    const tell = (phone, text) => say(phone.title, text);
    return new Phone({ name, version, peer, tell, nodes: order });
  });
}

/** Waits until each node says of itself that no member is missing. */
async function untilWhole(nodes) {
  const deadline = performance.now() + settleMaxMs;
  for (const node of nodes) {
    for (;;) {
      const { code, text } = node.admin('cluster', 'show', '--check');
      if (code === 0) break;
      if (performance.now() > deadline)
        throw new Refusal(`${node.name} does not see all:\n${text}`);
      await sleep(100);
    }
  }
}

/** Milliseconds after `since` when the last phone had its last trouble; 0: none had any. */
async function untilServed(phones, since) {
  const before = phones.map(({ calls }) => calls.acknowledged);
  const deadline = performance.now() + settleMaxMs;
  const isServed = (phone, at) => phone.calls.acknowledged >= before[at] + 5;
  while (!phones.every(isServed)) {
    if (performance.now() > deadline) throw new Refusal('The clients are not served again.');
    await sleep(20);
  }
  return Math.max(0, ...phones.map(({ lastTroubleAt }) => (lastTroubleAt ?? since) - since));
}

/** How many calls were acknowledged and have not come in, in the end. */
async function untilDelivered(phones) {
  const byName = new Map(phones.map((phone) => [phone.name, phone]));
  const missing = (phone) => {
    const { received } = byName.get(phone.peer);
    return [...phone.acknowledged].filter((number) => !received.has(number)).length;
  };
  const deadline = performance.now() + 5000;
  for (;;) {
    const lost = phones.reduce((sum, phone) => sum + missing(phone), 0);
    if (lost === 0 || performance.now() > deadline) return lost;
    await sleep(50);
  }
}

/** What the phones went through; the one at the dead node had to move, and is told apart. */
function count(phones, killedAt) {
  const survivors = phones.slice(0, 2);
  const sum = (group, key) => phones.reduce((total, phone) => total + phone[group][key], 0);
  const troubles = survivors.map(({ firstTroubleAt }) => firstTroubleAt ?? Infinity);
  return {
    silentAfterMs: Math.min(...troubles) - killedAt,
    calls: {
      acknowledged: sum('calls', 'acknowledged'),
      refused: sum('calls', 'refused'),
      unanswered: sum('calls', 'unanswered'),
    },
    connects: { served: sum('connects', 'served'), refused: sum('connects', 'refused') },
  };
}

function show(node) {
  const { text } = node.admin('cluster', 'show');
  say(node.place, '$ vmq-admin cluster show');
  for (const line of text.trimEnd().split('\n')) console.log(`              ${line}`);
}

function summary(results) {
  heading('Summary: one of three nodes dead');
  const ms = (value) => (Number.isFinite(value) ? `${Math.round(value)} ms` : 'never');
  const rows = [
    ['', ...acts.map(({ title }) => title)],
    ['healthy nodes stopped serving after', ...results.map((one) => ms(one.silentAfterMs))],
    ['calls acknowledged meanwhile', ...results.map(({ calls }) => calls.acknowledged)],
    ['calls refused', ...results.map(({ calls }) => calls.refused)],
    ['calls without an answer', ...results.map(({ calls }) => calls.unanswered)],
    ['connections accepted', ...results.map(({ connects }) => connects.served)],
    ['connections refused', ...results.map(({ connects }) => connects.refused)],
    ['restart: port open after', ...results.map(({ portMs }) => ms(portMs))],
    ['restart: last trouble after', ...results.map(({ servedMs }) => ms(servedMs))],
    ['calls acknowledged and lost', ...results.map(({ lost }) => lost)],
  ];
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => String(row[at]).length)));
  for (const row of rows) {
    console.log(
      row
        .map((cell, at) => String(cell).padEnd(widths[at]))
        .join('   ')
        .trimEnd(),
    );
  }
}

function heading(text) {
  console.log(`\n${text}\n${'='.repeat(text.length)}`);
}

function say(who, text) {
  const seconds = ((performance.now() - actStartedAt) / 1000).toFixed(3).padStart(8);
  console.log(`${seconds} s  ${who.padEnd(20)} ${text}`);
}
