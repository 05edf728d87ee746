#!/usr/bin/env node
/**
 * vmq-admin: asks a running node, with VerneMQ's words. Which node is meant follows from the same
 * configuration as `nautilusmq start`. Exit codes are the node's: 0 done; 1 not done, the reason is
 * on standard error; 2 a check found something.
 */
import process from 'node:process';
import {
  type AdminResponse,
  askNode,
  commands,
  isSwitchOf,
  parseArguments,
  resolveRequest,
} from '../admin/mod.js';
import { CommandError, readConfiguration } from './configuration.js';
import { version } from '../version.js';

/** This program's own options; the rest of the arguments belongs to the command. */
interface Own {
  readonly config: string | undefined;
  readonly overrides: string[];
  readonly rest: readonly string[];
}

const ownHelp = `
The node is found by its configuration:
  -c, --config FILE        the file that the node was started with (else $NAUTILUSMQ_CONFIG, else
                           /etc/nautilusmq/nautilusmq.conf, else built in)
  -s, --set KEY=VALUE      an option that it was started with; may be given more than once
  -v, --version            the version of this program
`;

/**
 * Not commander's: commands belong to the node, and VerneMQ's grammar has words of the form
 * key=value. The short forms count before the command only, where no command's own can stand.
 */
function ownOptions(argv: readonly string[]): Own {
  let config: string | undefined;
  const overrides: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] as string;
    const [name, ...values] = word.startsWith('--') ? word.split('=') : [word];
    const isFirst = rest.length === 0;
    const isConfig = name === '--config' || (isFirst && name === '-c');
    const isSet = name === '--set' || (isFirst && name === '-s');
    if (!isConfig && !isSet) {
      rest.push(word);
      continue;
    }
    if (values.length === 0) at += 1;
    const value = values.length === 0 ? argv[at] : values.join('=');
    if (value === undefined || value === '') throw new CommandError(`${word} needs a value`);
    if (isConfig) config = value;
    else overrides.push(value);
  }
  return { config, overrides, rest };
}

async function run(argv: readonly string[]): Promise<void> {
  const { config, overrides, rest } = ownOptions(argv);
  if (rest[0] === '--version' || rest[0] === '-v') {
    process.stdout.write(`vmq-admin ${version()}\n`);
    return;
  }
  const request = parseArguments(rest, isSwitchOf(commands));
  const isHelp = request.flags.has('help') || request.flags.has('h');
  if (isHelp || request.words.length === 0) {
    // Needs no node: the commands are the same program's.
    const resolved = resolveRequest(commands, request);
    if (resolved.kind === 'answer') {
      const { response } = resolved;
      const more = request.words.length === 0 ? ownHelp : '';
      print({ ...response, text: response.text + more });
      return;
    }
  }
  const { configuration, origin } = readConfiguration(config, overrides);
  if (configuration === undefined) {
    throw new CommandError(`${origin} has errors; \`nautilusmq check-config\` lists them`);
  }
  const { nodename, platformDataDir } = configuration.options;
  const response = await askNode(platformDataDir, request);
  // The words and the stream of VerneMQ's: scripts wait for them.
  print(response ?? alert(`Node '${nodename}' not responding to pings.\n`));
  if (response !== undefined || !process.stderr.isTTY) return;
  process.stderr.write(
    `No node serves from its data directory, ${platformDataDir}. ${elsewhere}\n`,
  );
}

/** For people only: scripts compare what stands before it. */
const elsewhere =
  'One that was started with another configuration is found with the same --config FILE or --set KEY=VALUE, before the command.';

function alert(text: string): AdminResponse {
  return { exitCode: 1, text, isAlert: true };
}

function print({ exitCode, text, isAlert }: AdminResponse): void {
  process.exitCode = exitCode;
  (isAlert ? process.stderr : process.stdout).write(text);
}

// A reader that has seen enough (`| head -1`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await run(process.argv.slice(2));
} catch (error) {
  const isExpected = error instanceof Error && (error instanceof CommandError || 'code' in error);
  process.stderr.write(`vmq-admin: ${isExpected ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
