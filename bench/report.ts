/** Medians, spreads and ratios of the runs; the table and the JSON document that show them. */
import { type BrokerName, brokerNames, brokerTitles } from './brokers.js';
import type { LoadResult } from './load.js';
import { type Figure, numberAt, type Scenario } from './scenarios.js';

/** What one broker did in one scenario: results of the runs, or why there are none. */
export interface BrokerRuns {
  readonly results: LoadResult[];
  readonly failures: string[];
}

export interface ScenarioRuns {
  readonly scenario: Scenario;
  readonly runs: ReadonlyMap<BrokerName, BrokerRuns>;
}

interface Summary {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

const faultNames = [
  'lost',
  'duplicates',
  'out_of_order',
  'unacknowledged',
  'unknown_acks',
] as const;

function summarise(figure: Figure, runs: BrokerRuns | undefined): Summary | undefined {
  const values = (runs?.results ?? []).map(figure.value).filter(Number.isFinite);
  values.sort((a, b) => a - b);
  const [lowest, highest] = [values[0], values.at(-1)];
  if (lowest === undefined || highest === undefined) return undefined;
  const middle = values.length >> 1;
  const upper = values[middle] ?? highest;
  const lower = values[middle - 1] ?? lowest;
  return { median: values.length % 2 ? upper : (lower + upper) / 2, lowest, highest };
}

/** Faults summed over all runs, those inside of rounds included. */
function faultsOf(runs: BrokerRuns | undefined): Readonly<Record<string, number>> {
  const results = (runs?.results ?? []).flatMap((result) =>
    Array.isArray(result['rounds']) ? (result['rounds'] as LoadResult[]) : [result],
  );
  return Object.fromEntries(
    faultNames.map((name) => [name, results.reduce((sum, one) => sum + numberAt(one, name), 0)]),
  );
}

function ratioTo(figure: Figure, row: ScenarioRuns, peer: BrokerName): number | undefined {
  const ours = summarise(figure, row.runs.get('ours'));
  const theirs = summarise(figure, row.runs.get(peer));
  return ours && theirs && theirs.median > 0 ? ours.median / theirs.median : undefined;
}

function digits(value: number): string {
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : 2);
}

function cell(summary: Summary | undefined): string {
  if (!summary) return '–';
  const { median, lowest, highest } = summary;
  return lowest === highest
    ? digits(median)
    : `${digits(median)} (${digits(lowest)}–${digits(highest)})`;
}

function figureRow(figure: Figure, row: ScenarioRuns): string[] {
  const target = figure.target === undefined ? '' : figure.better === 'lower' ? '≤ ' : '≥ ';
  return [
    `  ${figure.name}, ${figure.unit}`,
    ...brokerNames.map((name) => cell(summarise(figure, row.runs.get(name)))),
    ...(['mosquitto', 'aedes'] as const).map((peer) => {
      const ratio = ratioTo(figure, row, peer);
      return ratio === undefined ? '–' : `${digits(ratio)}×`;
    }),
    figure.target === undefined ? '' : `${target}${figure.target}`,
  ];
}

function faultRow(row: ScenarioRuns): string[] {
  const cells = brokerNames.map((name) => {
    const runs = row.runs.get(name);
    if (!runs || runs.results.length === 0) return '–';
    const faults = faultsOf(runs);
    return ['lost', 'duplicates', 'out_of_order'].map((fault) => faults[fault]).join(' / ');
  });
  return ['  lost / duplicates / out of order', ...cells, '', '', ''];
}

/** Pads all but the first column to the right edge, so that numbers line up. */
function layOut(rows: readonly string[][]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((text, i) => Math.max(widest[i] ?? 0, text.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The table of one scenario: median (lowest–highest) per broker, ratios of ours, what to reach. */
export function scenarioTable(row: ScenarioRuns): string {
  const head = ['', ...brokerNames.map((name) => brokerTitles[name])];
  const rows = [
    [...head, '/ Mosquitto', '/ Aedes', 'to reach'],
    ...row.scenario.figures.map((figure) => figureRow(figure, row)),
    faultRow(row),
  ];
  const failures = brokerNames.flatMap((name) =>
    (row.runs.get(name)?.failures ?? []).map((why) => `  ${brokerTitles[name]} failed: ${why}`),
  );
  return [`${row.scenario.name}: ${row.scenario.title}`, layOut(rows), ...failures].join('\n');
}

/**
 * One line per scenario and figure that has a target, or per scenario's first figure when none has:
 * medians, ratios, and whether the target was reached.
 */
export function summaryTable(rows: readonly ScenarioRuns[]): string {
  const lines = rows.flatMap((row) => {
    const aimed = row.scenario.figures.filter((figure) => figure.target !== undefined);
    const shown = aimed.length > 0 ? aimed : row.scenario.figures.slice(0, 1);
    return shown.map((figure) => {
      const medians = brokerNames.map((name) => summarise(figure, row.runs.get(name))?.median);
      return [
        `${row.scenario.name}: ${figure.name}, ${figure.unit}`,
        ...medians.map((median) => (median === undefined ? '–' : digits(median))),
        ...figureRow(figure, row).slice(-3),
        verdict(figure, medians[0]),
      ];
    });
  });
  const head = ['summary (medians)', ...brokerNames.map((name) => brokerTitles[name])];
  return layOut([[...head, '/ Mosquitto', '/ Aedes', 'to reach', ''], ...lines]);
}

function verdict(figure: Figure, ours: number | undefined): string {
  if (figure.target === undefined || ours === undefined) return '';
  const reached = figure.better === 'lower' ? ours <= figure.target : ours >= figure.target;
  return reached ? 'reached' : 'missed';
}

/** The same with every single result, for programs. */
export function scenarioJson(row: ScenarioRuns): object {
  const brokers = brokerNames.flatMap((name) => {
    const runs = row.runs.get(name);
    if (!runs) return [];
    const figures = row.scenario.figures.map((figure) => [figure.name, summarise(figure, runs)]);
    const figuresByName = Object.fromEntries(figures);
    return [[name, { figures: figuresByName, faults: faultsOf(runs), ...runs }]];
  });
  return {
    name: row.scenario.name,
    title: row.scenario.title,
    figures: row.scenario.figures.map((figure) => ({
      name: figure.name,
      unit: figure.unit,
      better: figure.better,
      target: figure.target,
      toMosquitto: ratioTo(figure, row, 'mosquitto'),
      toAedes: ratioTo(figure, row, 'aedes'),
    })),
    brokers: Object.fromEntries(brokers),
  };
}
