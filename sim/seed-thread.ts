/** A thread that plays seeds as it is told to, one at a time, and says what came of each. */
import { parentPort } from 'node:worker_threads';
import { playSeed, type SeedTask } from './seed-pool.js';

parentPort?.on('message', (task: SeedTask) => parentPort?.postMessage(playSeed(task)));
