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
      stage.run(200);
      stage.start('node1');
      stage.run(5000);
    },
  },
];
