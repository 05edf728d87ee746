/** The tree tests itself: arrows, bans, sizes, titles, and the specification's statements. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { conformancePage, lacks, readCoverage } from './tidy/coverage.js';
import { longFiles, tables } from './tidy/exceptions.js';
import { againstTheArrows, cycles, folderOf, impurities } from './tidy/rooms.js';
import { readSource } from './tidy/source.js';
import { files, isCode, isSource, lines, type TextFile } from './tidy/tree.js';

const code = files(isCode);
const parsed = code.map(readSource);
const sources = parsed.filter(({ path }) => isSource(path));
const tests = parsed.filter(({ path }) => path.endsWith('.test.ts'));

/** Fails with one problem a line. */
function none(problems: readonly string[]): void {
  assert.ok(problems.length === 0, `\n${problems.join('\n')}\n`);
}

/** Problems by line of text. */
function search(
  among: readonly TextFile[],
  problem: (line: string) => string | undefined,
): string[] {
  return among.flatMap((file) =>
    lines(file).flatMap((line, index) => {
      const found = problem(line);
      return found === undefined ? [] : `${file.path}:${index + 1}: ${found}`;
    }),
  );
}

describe('rooms', () => {
  test('import only the rooms below them, and those by mod.ts', () => {
    none(sources.flatMap(againstTheArrows));
  });

  test('import each other in no cycle, types included', () => {
    none(cycles(sources));
  });

  test('that are pure know no time, chance, process or promise', () => {
    none(sources.flatMap(impurities));
  });

  test('have a mod.ts whose head says what they own', () => {
    const rooms = new Set(
      sources.map(({ path }) => folderOf(path)).filter((folder) => folder !== ''),
    );
    const problems = [...rooms].flatMap((folder) => {
      const path = `src/${folder}/mod.ts`;
      const mod = code.find((file) => file.path === path);
      if (folder === 'cli') return [];
      if (mod === undefined) return `${path} is missing`;
      return mod.text.startsWith('/**\n') ? [] : `${path} does not begin with a comment`;
    });
    none(problems);
  });

  test('are named after what they hold', () => {
    const vague = /(^|\/)(utils?|helpers?|managers?|common|misc|shared)(\/|\.ts$)/;
    none(sources.map(({ path }) => path).filter((path) => vague.test(path)));
  });
});

describe('the rules see what they forbid:', () => {
  const broken = (path: string, text: string) => readSource({ path, text });

  test('an import against the arrows, past a mod.ts, or of a package', () => {
    const text = [
      `import type { Broker } from '../broker/mod.js';`,
      `export * from '../topic/names.js';`,
      `import { readFileSync } from 'node:fs';`,
      `const late = await import('../../test/fixtures/x.js');`,
      `import { assert } from '../base/mod.js';`,
    ];
    assert.deepEqual(againstTheArrows(broken('src/queue/entry.ts', text.join('\n'))), [
      'src/queue/entry.ts:1: src/queue may not import src/broker',
      'src/queue/entry.ts:3: a pure room does not import node:fs',
      'src/queue/entry.ts:2: another room is imported through its mod.ts, not ../topic/names.js',
      'src/queue/entry.ts:4: src/ does not import test/fixtures/x.ts',
    ]);
    assert.deepEqual(againstTheArrows(broken('src/misc/a.ts', '')), [
      'src/misc/a.ts: src/misc is not in the table of rooms (test/tidy/rooms.ts)',
    ]);
  });

  test('a cycle of types', () => {
    const around = [
      broken('src/base/a.ts', `import type { B } from './b.js';`),
      broken('src/base/b.ts', `export type { A } from './a.js';`),
    ];
    assert.deepEqual(cycles(around), ['src/base/a.ts → src/base/b.ts → src/base/a.ts']);
  });

  test('time, chance, the process and promises, but not words that are only names', () => {
    const uses = ['Date.now()', 'Math.random()', 'setTimeout(f)', 'process.pid', 'await f()'];
    const types = ['let a: Promise<void>', 'async function g() {}', 'let b = { console }'];
    const names = ['queue.process()', 'let c = { Date: 1 }', 'Math.floor(1)', '"process"'];
    const found = (text: string): number => impurities(broken('src/topic/x.ts', text)).length;
    for (const text of [...uses, ...types]) assert.equal(found(text), 1, text);
    for (const text of names) assert.equal(found(text), 0, text);
    assert.deepEqual(impurities(broken('src/store/lmdb/x.ts', 'await f()')), []);
  });

  test('a long function, a test that is the only one, and the title around a text', () => {
    const long = `function f() {${'\n'.repeat(70)}}`;
    assert.deepEqual(broken('src/base/x.ts', long).functions, [
      { name: 'f', line: 1, lines: 71, isSuite: false },
    ]);
    const text = `test.only('counts to three', () => { expect('three'); }); 'nobody';`;
    const { onlys, texts } = broken('test/unit/x.test.ts', text);
    assert.deepEqual(onlys, [{ what: 'test.only', line: 1 }]);
    const title = 'counts to three';
    assert.deepEqual(texts, [
      { value: title, line: 1, title, isTitle: true },
      { value: 'three', line: 1, title, isTitle: false },
      { value: 'nobody', line: 1, title: undefined, isTitle: false },
    ]);
  });
});

describe('sizes', () => {
  test('files have at most 800 lines, and a reason above 500', () => {
    const problems = code.flatMap((file) => {
      const size = lines(file).length;
      if (size <= 500 || tables.test(file.path)) return [];
      if (size > 800) return `${file.path}: ${size} lines`;
      if (longFiles[file.path] !== undefined) return [];
      return `${file.path}: ${size} lines without a reason in test/tidy/exceptions.ts`;
    });
    none(problems);
    const stale = Object.keys(longFiles).filter((path) => {
      const file = code.find((candidate) => candidate.path === path);
      return file === undefined || lines(file).length <= 500;
    });
    none(stale.map((path) => `${path} needs no exception any more`));
  });

  test('functions have at most 70 lines', () => {
    const problems = parsed.flatMap(({ path, functions }) =>
      functions
        .filter((one) => one.lines > 70 && !one.isSuite)
        .map(({ name, line, lines: size }) => `${path}:${line}: ${name} has ${size} lines`),
    );
    none(problems);
  });

  test('lines have at most 100 columns, but for messages, which one wants to search for', () => {
    const comment = /^\s*(\*|\/\/|\/\*)/;
    const tooLong = (line: string) =>
      line.length > 100 && (comment.test(line) || !/['"`]/.test(line));
    const bounded = code.filter(({ path }) => !tables.test(path));
    none(search(bounded, (line) => (tooLong(line) ? `${line.length} columns` : undefined)));
  });
});

describe('texts', () => {
  test('no test is the only one that runs, and every title is a sentence', () => {
    none(
      tests.flatMap(({ path, onlys }) => onlys.map(({ line, what }) => `${path}:${line}: ${what}`)),
    );
    const titles = tests.flatMap(({ path, texts }) =>
      texts
        .filter(({ isTitle }) => isTitle)
        .map(({ value, line }) => ({ at: `${path}:${line}`, value })),
    );
    none(
      titles
        .filter(({ value }) => value.trim().length < 3)
        .map(({ at, value }) => `${at}: "${value}"`),
    );
  });

  test('nothing is left to do without saying where', () => {
    // The words are written so that this file does not hold them.
    const open = /\b(T[O]DO|FIX[M]E|X[X]X)\b(?!\s*\(#\d+\))/;
    none(search(code, (line) => open.exec(line)?.[0]));
  });

  test('every document has a title', () => {
    const documents = files((path) => path.endsWith('.md'));
    none(documents.filter(({ text }) => !text.startsWith('# ')).map(({ path }) => path));
  });

  test('no file names a machine or the registry that served it', () => {
    const texts = files((path) => !/\.(png|ico|pem|key|crt)$/.test(path));
    const place =
      /(?<![\w.])\/(work|root|home\/[a-z]+)\/|"resolved":|registry\.npm|verdaccio|:4873\b/;
    const problems = search(texts, (line) => place.exec(line)?.[0]);
    none(problems.filter((problem) => !problem.startsWith('test/tidy.test.ts:')));
  });
});

describe('statements of the specifications', () => {
  const coverage = readCoverage();

  test('that are cited exist', () => {
    none(coverage.unknown);
  });

  test('that bind a server are cited and tested, or have a reason', () => {
    const all = coverage.specifications.flatMap(({ statements }) => statements);
    const open = all.filter((one) => lacks(one) !== undefined);
    none(open.map((one) => `${one.statement.id}: ${lacks(one)}: ${one.statement.text}`));
  });

  test('are in docs/conformance.md as they are in the sources', () => {
    const page = conformancePage(coverage);
    if (process.env.UPDATE_DOCS !== undefined) writeFileSync('docs/conformance.md', page);
    const [written] = files((path) => path === 'docs/conformance.md');
    const current = written?.text === page || process.env.UPDATE_DOCS !== undefined;
    assert.ok(current, 'docs/conformance.md is out of date: UPDATE_DOCS=1 npm test -- tidy');
  });
});
