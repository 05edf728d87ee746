/** Messages on their way between two members when something happens to one of them. */
import type { Script } from '../script.js';
import { publisher, subscriber } from './roles.js';

const foundMs = 3000;

export const messageScripts: readonly Script[] = [
  {
    name: 'receiver-dies-unsynced',
    what: 'a member whose disk is slow goes off while messages for its sessions come',
    cast: [subscriber('sub', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('sub', 'node1');
      stage.run(200);
      stage.leave('sub', 'drop');
      stage.come('pub', 'node2');
      stage.run(1000);
      stage.node('node1').disk.slownessMs = 300;
      stage.publish('pub', 20, 20);
      stage.crash('node1');
      stage.run(4000);
      stage.start('node1');
      stage.run(5000);
    },
  },
  {
    name: 'parked-then-back',
    what: 'messages are kept for a session of a dead member; it is back while more are published',
    cast: [subscriber('sub', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('sub', 'node1');
      stage.run(200);
      stage.leave('sub', 'drop');
      stage.come('pub', 'node2');
      stage.run(1000);
      stage.crash('node1');
      stage.run(3500);
      stage.publish('pub', 700, 1);
      stage.publishing('pub', 1500, 0.5);
      stage.start('node1');
      stage.run(5000);
    },
  },
  {
    name: 'link-lost-under-load',
    what: 'the connections between two members are lost again and again while messages pass',
    cast: [subscriber('sub', 't/#', 2), publisher('pub', 't/0', 2)],
    settings: { reconnectGraceMs: 5000 },
    play(stage) {
      stage.run(foundMs);
      stage.path('node1', 'node2', { delayMs: 30 });
      stage.path('node2', 'node1', { delayMs: 30 });
      stage.come('sub', 'node1');
      stage.come('pub', 'node2');
      stage.run(1000);
      stage.node('node1').disk.slownessMs = 700;
      stage.publishing('pub', 400, 10);
      for (let round = 0; round < 3; round += 1) {
        stage.run(500);
        stage.reset('node1', 'node2');
        stage.run(2000);
      }
    },
  },
  {
    name: 'receiver-restarts',
    what: 'a member is killed and started again at once, and again, while QoS 2 comes to it',
    cast: [subscriber('sub', 't/#', 2), publisher('pub', 't/0', 2)],
    play(stage) {
      stage.run(foundMs);
      stage.come('sub', 'node1');
      stage.run(200);
      stage.leave('sub', 'drop');
      stage.come('pub', 'node2');
      stage.run(1000);
      stage.path('node1', 'node2', { delayMs: 15 });
      stage.publishing('pub', 400, 10);
      for (let round = 0; round < 8; round += 1) {
        stage.run(500);
        stage.crash('node1', 'process');
        stage.run(50);
        stage.start('node1');
      }
      stage.run(5000);
    },
  },
  {
    name: 'confirmation-lost',
    what: 'a member takes messages, and goes off before its word that it has them gets through',
    cast: [subscriber('sub', 't/#', 2), publisher('pub', 't/0', 2)],
    play(stage) {
      stage.run(foundMs);
      stage.come('sub', 'node1');
      stage.run(200);
      stage.leave('sub', 'drop');
      stage.come('pub', 'node2');
      stage.run(1000);
      stage.cutOneWay('node1', 'node2');
      stage.publish('pub', 10, 20);
      stage.run(300);
      stage.crash('node1');
      stage.mend('node1', 'node2');
      stage.run(4000);
      stage.start('node1');
      stage.run(5000);
    },
  },
  {
    name: 'sender-dies-overdue',
    what: 'a message is acknowledged though its member is silent; then its sender goes off',
    cast: [subscriber('sub', 't/#', 1), publisher('pub', 't/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('sub', 'node1');
      stage.run(200);
      stage.leave('sub', 'drop');
      stage.come('pub', 'node2');
      stage.run(1000);
      stage.cutOneWay('node2', 'node1');
      stage.publish('pub', 10, 20);
      stage.run(300);
      stage.crash('node2');
      stage.mend('node2', 'node1');
      stage.run(4000);
      stage.start('node2');
      stage.run(5000);
    },
  },
  {
    name: 'group-without-members',
    what: 'the only member of a shared subscription is with a dead node while messages come for it',
    cast: [subscriber('share', '$share/g/s/#', 1), publisher('pub', 's/0', 1)],
    play(stage) {
      stage.run(foundMs);
      stage.come('share', 'node1');
      stage.come('pub', 'node2');
      stage.run(1000);
      stage.crash('node1');
      stage.leave('share', 'drop');
      stage.run(3500);
      stage.publish('pub', 10, 20);
      stage.run(500);
      stage.start('node1');
      stage.run(3000);
    },
  },
];
