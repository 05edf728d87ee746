/**
 * config: what every option means. Owns the option table (`options-*.ts`), from which parsing,
 * checking, the types of the values, `describe` and docs/reference.md come; never reads a file, an
 * environment or a clock, and nobody looks a setting up later: the node hands out frozen slices.
 *
 *   built-ins ─▶ file ─▶ environment ─▶ --set ─▶ table ─▶ Configuration (frozen), or all problems
 */
export type { AnonymousAnswer, AnonymousFacts } from './anonymous-rule.js';
export type {
  Configuration,
  ListenerConfiguration,
  Options,
  PeerListenerConfiguration,
} from './configuration.js';
export {
  type ChangedOption,
  changeOptions,
  type OptionEntry,
  showOptions,
} from './change-options.js';
export { describeOption } from './describe-option.js';
export type { ConfigSource, Problem } from './entries.js';
export { type LoadInput, type LoadResult, loadConfiguration } from './load-configuration.js';
export { nearestKey } from './nearest-key.js';
export { referencePage } from './reference.js';
