/** What `npm publish` would send, and what a program gets that imports it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;

function packedPaths(): string[] {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'];
  const windows = process.platform === 'win32';
  const listing = execFileSync('npm', args, { encoding: 'utf8', shell: windows });
  // A list of packages up to npm 11; an object by name after that.
  const packed: unknown = JSON.parse(listing);
  const [first] = Object.values(packed as Record<string, { files: { path: string }[] }>);
  assert.ok(first !== undefined, 'npm pack lists no package');
  return first.files.map(({ path }) => path);
}

describe('the package', () => {
  const paths = packedPaths();

  test('holds the programs, the library with its types, and the documents', () => {
    const wanted = [
      ...['LICENSE', 'README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'package.json'],
      ...['dist/src/mod.js', 'dist/src/mod.d.ts', 'etc/nautilusmq.conf', 'docs/conformance.md'],
      ...Object.values(manifest.bin),
    ];
    assert.deepEqual(
      wanted.filter((path) => !paths.includes(path)),
      [],
    );
  });

  test('holds nothing else: no tests, sources, maps, data or keys', () => {
    const known = /^(dist\/src\/|docs\/|etc\/|[A-Z]+(\.md)?$|package\.json$)/;
    const unwanted = /\.(map|tsbuildinfo|test\.js|key|pem|log|mdb)$|(^|\/)\.[^/]*$/;
    assert.deepEqual(
      paths.filter((path) => !known.test(path) || unwanted.test(path)),
      [],
    );
  });

  test('has the programs that operators know by name', () => {
    assert.deepEqual(Object.keys(manifest.bin), ['nautilusmq', 'vmq-admin', 'vmq-passwd']);
  });

  for (const [name, path] of Object.entries(manifest.bin)) {
    test(`has the program ${name}, which can be executed`, { skip: onWindows() }, () => {
      assert.match(readFileSync(path, 'utf8'), /^#!\/usr\/bin\/env node\n/);
      accessSync(path, constants.X_OK);
    });
  }

  test('is what publint asks of a package', async () => {
    const { messages, pkg } = await publint({ pkgDir: process.cwd(), strict: true });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg, { color: false })),
      [],
    );
  });

  test('gives createNode to a program that imports it by its name', async () => {
    const imported = (await import(manifest.name)) as Record<string, unknown>;
    assert.equal(typeof imported.createNode, 'function');
  });

  test('has a changelog that names this version', () => {
    const changelog = readFileSync('CHANGELOG.md', 'utf8');
    assert.ok(changelog.includes(manifest.version), `no ${manifest.version} in CHANGELOG.md`);
  });
});

/** Files have no mode there. */
function onWindows(): string | false {
  return process.platform === 'win32' ? 'Windows has no mode for programs' : false;
}
