import type {
  ActionResult,
  AdminNode,
  ClusterView,
  LeaveOptions,
  OptionEntry,
  StatusRow,
} from '../../../src/admin/mod.js';

export const clusterTable: string = [
  '+-------+-------+',
  '| Node  |Running|',
  '+-------+-------+',
  '|a@10.0.|  true |',
  '+-------+-------+',
  '',
].join('\n');

/** A node that notes what it is told; fields may be set before it is asked. */
export class FakeNode implements AdminNode {
  readonly nodeName = 'NautilusMQ@10.0.0.1';
  readonly version = '1.2.3';
  view: ClusterView = {
    table: clusterTable,
    sentences: [],
    rows: [{ Node: 'a@10.0.0.1', Running: true }],
    matrix: 'a sees b\n',
    matrixRows: [{ Node: 'a', b: 'up' }],
    exitCode: 0,
  };
  result: ActionResult = { ok: true, text: 'Done' };
  readonly joined: string[] = [];
  options: readonly OptionEntry[] | { readonly wrong: readonly string[] } = [];
  readonly set: OptionEntry[] = [];
  readonly shown: string[] = [];
  readonly left: (readonly [string, LeaveOptions])[] = [];

  clusterView(): ClusterView {
    return this.view;
  }

  join(address: string): Promise<ActionResult> {
    this.joined.push(address);
    return Promise.resolve(this.result);
  }

  leave(name: string, options: LeaveOptions): Promise<ActionResult> {
    this.left.push([name, options]);
    return Promise.resolve(this.result);
  }

  status(): readonly StatusRow[] {
    return [
      ['num_online', 3],
      ['version', '1.2.3'],
    ];
  }

  setOptions(entries: readonly OptionEntry[]): ActionResult {
    this.set.push(...entries);
    return this.result;
  }

  showOptions(
    keys: readonly string[],
  ): readonly OptionEntry[] | { readonly wrong: readonly string[] } {
    this.shown.push(...keys);
    return this.options;
  }
}
