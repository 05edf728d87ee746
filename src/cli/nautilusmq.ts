#!/usr/bin/env node
/**
 * The command `nautilusmq`: reads arguments, prints, sets exit codes. What it does is elsewhere.
 */
import { Command } from 'commander';
import { checkConfig } from './check-config.js';
import { describeKey } from './describe.js';
import { start } from './start.js';
import { backup, compact, show } from './store-commands.js';
import { version } from '../version.js';

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

interface ConfigFlags {
  readonly config?: string;
  readonly set: string[];
}

function withConfig(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (else $NAUTILUSMQ_CONFIG, else built in)')
    .option('-s, --set <key=value>', 'set one option; may be given more than once', collect, []);
}

const program = new Command('nautilusmq')
  .description('A clustered MQTT 3.1, 3.1.1 and 5 broker that keeps serving when a node dies.')
  .version(version(), '-v, --version')
  .showHelpAfterError()
  .helpCommand(true);

withConfig(program.command('start').description('start the broker in the foreground')).action(
  (flags: ConfigFlags) => start(flags.config, flags.set),
);

withConfig(
  program.command('check-config').description('read the configuration and report every problem'),
).action((flags: ConfigFlags) => checkConfig(flags.config, flags.set));

program
  .command('describe <key>')
  .description('explain one option: meaning, unit, default, bounds')
  .action((key: string) => describeKey(key));

program
  .command('version')
  .description('print the version')
  .action(() => console.log(`nautilusmq ${version()} (Node.js ${process.version})`));

const store = program.command('store').description('look after the data directory');
withConfig(store.command('show').description('what is in the store')).action((flags: ConfigFlags) =>
  show(flags.config, flags.set),
);
withConfig(
  store
    .command('compact')
    .description('give free pages back to the disk; the broker must be stopped'),
).action((flags: ConfigFlags) => compact(flags.config, flags.set));
withConfig(
  store.command('backup <directory>').description('copy the store, also of a running broker'),
).action((directory: string, flags: ConfigFlags) => backup(directory, flags.config, flags.set));

await program.parseAsync();
