/** Wills of clients whose member is gone, or cannot be reached. */
import type { Script, Stage } from '../script.js';
import { role, subscriber } from './roles.js';

const foundMs = 3000;
const mortals = Array.from({ length: 8 }, (_, at) => `mortal${at}`);

const cast = [
  subscriber('watcher', 'w/#', 2),
  ...mortals.map((name) =>
    role(name, { isPersistent: false, will: { topicName: `w/${name}`, delaySeconds: 0 } }),
  ),
];

function everybodyComes(stage: Stage): void {
  stage.run(foundMs);
  stage.come('watcher', 'node2');
  for (const name of mortals) stage.come(name, 'node1');
  stage.run(3000);
}

export const willScripts: readonly Script[] = [
  {
    name: 'wills-of-a-dead-member',
    what: 'the member of clients with wills is killed, and comes back long after',
    cast,
    play(stage) {
      everybodyComes(stage);
      stage.crash('node1');
      for (const name of mortals) stage.leave(name, 'vanish');
      stage.run(20_000);
      stage.start('node1');
      stage.run(5000);
    },
  },
  {
    name: 'wills-while-all-are-apart',
    what: 'three members that serve clients alone, too, are cut apart: each thinks the others dead',
    cast,
    settings: { policies: { connect: 'on', publish: 'on', subscribe: 'on', unsubscribe: 'on' } },
    play(stage) {
      everybodyComes(stage);
      stage.cut('node1', 'node2');
      stage.cut('node2', 'node3');
      stage.cut('node3', 'node1');
      stage.run(20_000);
    },
  },
];
