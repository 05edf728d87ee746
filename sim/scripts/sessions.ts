/** Sessions whose client comes to another member, and what is under way to them meanwhile. */
import type { Script } from '../script.js';
import { publisher, role, subscriber } from './roles.js';

/** Members have found each other. */
const foundMs = 3000;

export const sessionScripts: readonly Script[] = [
  {
    name: 'queue-moves',
    what: 'messages wait for a client that is away; it comes back to another member',
    cast: [subscriber('mover', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('mover', 'node1');
      stage.come('pub', 'node3');
      stage.run(500);
      stage.leave('mover', 'drop');
      stage.run(100);
      stage.publish('pub', 20, 10);
      stage.run(500);
      stage.come('mover', 'node2');
      stage.run(2000);
    },
  },
  {
    name: 'move-under-fire',
    what: 'a client goes from member to member while a far one sends to it',
    cast: [subscriber('mover', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.path('node3', 'node1', { delayMs: 120 });
      stage.come('mover', 'node1');
      stage.come('pub', 'node3');
      stage.run(1000);
      stage.publishing('pub', 300, 20);
      for (const node of ['node2', 'node1', 'node2', 'node1', 'node2']) {
        stage.run(1000);
        stage.come('mover', node);
      }
      stage.run(3000);
    },
  },
  {
    name: 'parked-then-moved',
    what: 'messages are kept for a session of a dead member; it moves to a third one',
    cast: [subscriber('mover', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('mover', 'node1');
      stage.come('pub', 'node3');
      stage.run(1000);
      stage.crash('node1');
      stage.run(3500);
      stage.publish('pub', 10, 20);
      stage.run(500);
      stage.come('mover', 'node2');
      stage.run(3000);
      stage.start('node1');
      stage.run(5000);
    },
  },
  {
    name: 'claim-lost',
    what: 'a member goes off before it has written down that a session is its own now',
    cast: [subscriber('mover', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('mover', 'node1');
      stage.come('pub', 'node3');
      stage.run(500);
      stage.leave('mover', 'drop');
      stage.run(100);
      stage.publish('pub', 10, 10);
      stage.run(300);
      stage.node('node2').disk.slownessMs = 400;
      stage.come('mover', 'node2');
      stage.run(150);
      stage.crash('node2');
      stage.leave('mover', 'drop');
      stage.run(4000);
    },
  },
  {
    name: 'clean-start-during-split',
    what: 'a client begins anew while the member with its old session is cut off, and comes back',
    cast: [subscriber('mover', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('mover', 'node1');
      stage.come('pub', 'node1');
      stage.run(500);
      stage.leave('mover', 'drop');
      stage.run(100);
      stage.publish('pub', 10, 10);
      stage.run(300);
      stage.cut('node1', 'node2');
      stage.cut('node1', 'node3');
      stage.run(3500);
      stage.come('mover', 'node2', true);
      stage.run(1000);
    },
  },
  {
    name: 'both-sides-of-a-split',
    what: 'a client is connected on one side of a split, then on the other one too; it heals',
    cast: [
      { ...subscriber('twin-a', 't/#', 1), clientIdentifier: 'twin' },
      { ...subscriber('twin-b', 't/#', 1), clientIdentifier: 'twin' },
    ],
    play(stage) {
      stage.run(foundMs);
      stage.come('twin-a', 'node1');
      stage.run(500);
      stage.cut('node1', 'node2');
      stage.cut('node1', 'node3');
      stage.run(3500);
      stage.come('twin-b', 'node2');
      stage.run(1000);
    },
  },
  {
    name: 'both-sides-of-a-split-clean',
    what: 'the same with sessions that end with their connection',
    cast: [
      { ...subscriber('twin-a', 't/#', 1, false), clientIdentifier: 'twin' },
      { ...subscriber('twin-b', 't/#', 1, false), clientIdentifier: 'twin' },
    ],
    play(stage) {
      stage.run(foundMs);
      stage.come('twin-a', 'node1');
      stage.run(500);
      stage.cut('node1', 'node2');
      stage.cut('node1', 'node3');
      stage.run(3500);
      stage.come('twin-b', 'node2');
      stage.run(1000);
    },
  },
  {
    name: 'state-behind-a-backlog',
    what: 'a client comes for its session while the way from the member that has it is jammed',
    cast: [
      subscriber('mover', 'm/#', 1),
      subscriber('greedy', 't/#', 0, false),
      role('flood', {
        publishes: {
          ...{ topicNames: ['t/0'], qualities: [[1, 0]], retain: false, everyMs: 0 },
          payloadBytes: 15_000,
        },
      }),
    ],
    play(stage) {
      stage.run(foundMs);
      stage.come('mover', 'node1');
      stage.come('flood', 'node1');
      stage.come('greedy', 'node2');
      stage.run(500);
      stage.path('node1', 'node2', { bytesPerMs: 300 });
      stage.publish('flood', 300, 1);
      stage.come('mover', 'node2');
      stage.run(10_000);
    },
  },
  {
    name: 'queue-moves-under-fire',
    what: 'messages wait on a far member; their client comes to another one while more are published',
    cast: [subscriber('mover', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.path('node1', 'node2', { delayMs: 150 });
      stage.come('mover', 'node1');
      stage.come('pub', 'node3');
      stage.run(500);
      stage.leave('mover', 'drop');
      stage.run(100);
      stage.publish('pub', 40, 10);
      stage.publishing('pub', 100, 10);
      stage.run(50);
      stage.come('mover', 'node2');
      stage.run(3000);
    },
  },
  {
    name: 'clock-behind',
    what: 'a client comes to a member whose clock is an hour behind the others',
    cast: [subscriber('mover', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.crash('node2');
      stage.node('node2').clock.skewMs = -3_600_000;
      stage.start('node2');
      stage.run(foundMs);
      stage.come('mover', 'node1');
      stage.come('pub', 'node3');
      stage.run(500);
      stage.come('mover', 'node2');
      stage.publish('pub', 10, 10);
      stage.run(3000);
    },
  },
  {
    name: 'held-identifiers',
    what: 'a client holds QoS 2 messages that its dead member had not released, and goes elsewhere',
    cast: [subscriber('mover', 't/#', 2), publisher('pub', 't/0', 2)],
    play(stage) {
      stage.run(foundMs);
      stage.come('mover', 'node1');
      stage.come('pub', 'node3');
      stage.run(500);
      stage.cutOneWay('mover', 'node1');
      stage.publish('pub', 5, 10);
      stage.run(300);
      stage.crash('node1');
      stage.run(3500);
      stage.come('mover', 'node2');
      stage.run(500);
      stage.publish('pub', 10, 10);
      stage.run(3000);
      stage.start('node1');
      stage.run(5000);
    },
  },
];
