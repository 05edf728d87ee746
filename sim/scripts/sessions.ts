/** Sessions whose client comes to another member, and what is under way to them meanwhile. */
import type { Script } from '../script.js';
import { publisher, subscriber } from './roles.js';

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
];
