import { fail, problemLine, readConfiguration } from './configuration.js';

/** Prints every problem; exit code 1 when the broker would not start. */
export function checkConfig(file: string | undefined, overrides: string[]): void {
  try {
    const { configuration, problems, origin } = readConfiguration(file, overrides);
    for (const problem of problems) console.log(problemLine(problem));
    const errors = problems.filter(({ severity }) => severity === 'error').length;
    if (configuration === undefined || errors > 0) {
      console.log(
        `${origin}: ${errors} error${errors === 1 ? '' : 's'}, the broker would not start`,
      );
      process.exitCode = 1;
      return;
    }
    console.log(`${origin}: good`);
    for (const { type, name, host, port, path } of configuration.listeners) {
      console.log(`  listener.${type}.${name}: ${path ?? `${host}:${port}`}`);
    }
    console.log(`  ${configuration.anonymousReason}`);
  } catch (error) {
    fail(error);
  }
}
