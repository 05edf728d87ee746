import type { ActionResult } from './admin/mod.js';
import {
  type ChangedOption,
  changeOptions,
  type Configuration,
  type OptionEntry,
} from './config/mod.js';

/** Who hears of options that changed while the node runs. */
export interface LiveOptionsOut {
  /** In force from now on; what was decided by the old ones stays as it is. */
  changed(configuration: Configuration, before: Configuration): void;
  /** One line for the log. */
  said(sentence: string): void;
}

/** The configuration of a running node. Only this node's, and only until it is restarted. */
export class LiveOptions {
  readonly #out: LiveOptionsOut;
  #configuration: Configuration;

  constructor(configuration: Configuration, out: LiveOptionsOut) {
    this.#configuration = configuration;
    this.#out = out;
  }

  /** In force. Frozen; a change replaces it as a whole. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  /** All of them, or none. The text is for the operator. */
  set(entries: readonly OptionEntry[]): ActionResult {
    const change = changeOptions(this.#configuration, entries);
    if ('wrong' in change) {
      return { ok: false, text: [...change.wrong, 'Nothing was changed.'].join('\n') };
    }
    const { configuration, changed } = change;
    if (changed.length === 0) return { ok: true, text: 'Nothing to change: that is in force.' };
    const before = this.#configuration;
    this.#configuration = configuration;
    this.#out.said(`options changed by vmq-admin: ${changed.map(textOf).join(', ')}`);
    this.#out.changed(configuration, before);
    const lines = changed.map((one) => `${textOf(one)}.`);
    return {
      ok: true,
      text: [
        ...lines,
        'On this node, until it is restarted: write it in the configuration file to keep it, and set it on the other members too.',
      ].join('\n'),
    };
  }
}

function textOf({ key, from, to }: ChangedOption): string {
  return `${key} = ${to} (was ${from})`;
}
