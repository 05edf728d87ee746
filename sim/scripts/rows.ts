/** What members know of each other, while it changes and links and members come and go. */
import type { PublishPlan } from '../publisher.js';
import type { Script } from '../script.js';
import { publisher, role, subscriber } from './roles.js';

const foundMs = 3000;
/** More than goes into one piece of a table. */
const much: PublishPlan = {
  topicNames: Array.from({ length: 40 }, (_, at) => `r/${at}`),
  qualities: [[1, 1]],
  retain: true,
  everyMs: 0,
  payloadBytes: 4000,
};
const clearing: PublishPlan = {
  ...{ topicNames: ['r/0'], qualities: [[1, 1]], retain: true, everyMs: 0 },
  isClear: true,
};
const churners = ['one', 'two', 'three', 'four'];

export const rowScripts: readonly Script[] = [
  {
    name: 'link-lost-under-churn',
    what: 'a client subscribes while the far link to a publisher’s member is lost, others come and go',
    cast: [
      ...churners.map((name) => subscriber(name, `c/${name}`, 1)),
      subscriber('late', 't/#', 1),
      publisher('pub', 't/0', 1),
    ],
    play(stage) {
      stage.run(foundMs);
      stage.path('node1', 'node2', { delayMs: 60 });
      stage.path('node2', 'node1', { delayMs: 60 });
      stage.come('pub', 'node2');
      stage.run(500);
      stage.reset('node1', 'node2');
      stage.come('late', 'node1');
      for (let round = 0; round < 10; round += 1) {
        for (const name of churners) {
          stage.come(name, 'node1');
          stage.run(30);
          if (round % 2 === 1) stage.leave(name);
        }
      }
      stage.publish('pub', 50, 20);
      stage.run(2000);
    },
  },
  {
    name: 'slow-snapshot',
    what: 'a member with much to tell restarts; on a slow path its new table takes seconds to come',
    cast: [
      role('keeper', { publishes: much }),
      subscriber('sub', 't/#', 1),
      publisher('pub', 't/0', 1),
    ],
    play(stage) {
      stage.run(foundMs);
      stage.come('keeper', 'node1');
      stage.run(500);
      stage.publish('keeper', 100, 20);
      stage.come('sub', 'node1');
      stage.come('pub', 'node2');
      stage.run(1000);
      stage.leave('sub', 'drop');
      stage.crash('node1');
      stage.run(4000);
      stage.path('node1', 'node2', { bytesPerMs: 10 });
      stage.path('node1', 'node3', { bytesPerMs: 10 });
      stage.start('node1');
      stage.publish('pub', 100, 50);
      stage.run(5000);
    },
  },
  {
    name: 'cleared-while-away',
    what: 'what a member retained right before it went off is cleared before anybody heard of it',
    cast: [publisher('keeper', 'r/0', 1, true), role('cleaner', { publishes: clearing })],
    play(stage) {
      stage.run(foundMs);
      stage.come('keeper', 'node1');
      stage.come('cleaner', 'node2');
      stage.run(1000);
      stage.cut('node1', 'node2');
      stage.cut('node1', 'node3');
      stage.publish('keeper');
      stage.run(500);
      stage.crash('node1');
      stage.leave('keeper', 'drop');
      stage.run(3500);
      stage.publish('cleaner');
      stage.run(20_000);
    },
  },
  {
    name: 'retained-on-both-sides',
    what: 'both sides of a split retain a message for one topic',
    cast: [publisher('later', 'r/0', 1, true), publisher('sooner', 'r/0', 1, true)],
    settings: { policies: { connect: 'on', publish: 'on', subscribe: 'on', unsubscribe: 'on' } },
    play(stage) {
      stage.run(foundMs);
      stage.come('later', 'node1');
      stage.come('sooner', 'node2');
      stage.run(1000);
      stage.cut('node1', 'node2');
      stage.cut('node1', 'node3');
      stage.run(3500);
      stage.publish('sooner');
      stage.run(500);
      stage.publish('later');
      stage.run(500);
    },
  },
  {
    name: 'cleared-unsynced',
    what: 'a retained message is cleared; its member has that not on disk when it goes off',
    cast: [publisher('keeper', 'r/0', 1, true), role('cleaner', { publishes: clearing })],
    play(stage) {
      stage.run(foundMs);
      stage.come('keeper', 'node1');
      stage.come('cleaner', 'node2');
      stage.run(1000);
      stage.publish('keeper');
      stage.run(1000);
      stage.leave('keeper', 'drop');
      stage.run(1000);
      stage.node('node1').disk.freeze();
      stage.publish('cleaner');
      stage.run(60_000);
      stage.crash('node1');
      stage.node('node1').disk.thaw();
      stage.run(1000);
    },
  },
  {
    name: 'clean-clients-move-on',
    what: 'the member of clients without kept sessions is killed; they go elsewhere, it comes back',
    cast: [...churners.map((name) => subscriber(name, `c/${name}`, 1, false))],
    play(stage) {
      stage.run(foundMs);
      for (const name of churners) stage.come(name, 'node1');
      stage.run(1000);
      stage.crash('node1', 'process');
      for (const name of churners) stage.come(name, 'node2');
      stage.run(4000);
      stage.start('node1');
      stage.run(4000);
    },
  },
  {
    name: 'silent-before-up',
    what: 'after a split the new connections die before the members count as up, and nobody is told',
    cast: [subscriber('sub', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('sub', 'node1');
      stage.come('pub', 'node2');
      stage.run(500);
      stage.cut('node1', 'node2');
      stage.run(4000);
      stage.mend('node1', 'node2');
      stage.run(300);
      stage.runUntilLinked('node1', 'node2');
      stage.run(100);
      stage.loseSilently('node1', 'node2');
      stage.publish('pub', 5, 100);
    },
  },
  {
    name: 'far-subscription',
    what: 'a client subscribes, and right after its SUBACK another one publishes on a far member',
    cast: [subscriber('sub', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.path('node1', 'node3', { delayMs: 300 });
      stage.come('pub', 'node3');
      stage.run(1000);
      stage.come('sub', 'node1');
      stage.publish('pub', 60, 20);
      stage.run(2000);
    },
  },
];
