/** What the tests of the tree want to know of one source file, read from its syntax tree. */
import { type Node, parseSync, Visitor } from 'oxc-parser';
import type { TextFile } from './tree.js';

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Something in the text that a rule is about. */
export interface Place {
  readonly what: string;
  readonly line: number;
}

export interface FunctionSize {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
  /** `describe…`, or passed to `describe`: a frame around tests, not a function to follow. */
  readonly isSuite: boolean;
}

/** A string or template in the text; `${…}` stands for what is not written there. */
export interface Text {
  readonly value: string;
  readonly line: number;
  /** The title of the test around it, or which it is. */
  readonly title: string | undefined;
  readonly isTitle: boolean;
}

export interface Source {
  readonly path: string;
  readonly imports: readonly Import[];
  /** Names of the environment that the text uses as variables or types, and `async` and `await`. */
  readonly globals: readonly Place[];
  readonly functions: readonly FunctionSize[];
  readonly texts: readonly Text[];
  /** Calls of `test.only` and the like. */
  readonly onlys: readonly Place[];
}

const environment = new Set([
  ...['Date', 'performance', 'process', 'console', 'Promise', 'fetch', 'globalThis', 'crypto'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
  ...['clearTimeout', 'clearInterval', 'clearImmediate'],
]);
const testCalls = new Set(['test', 'it', 'describe', 'suite']);

type Call = Extract<Node, { type: 'CallExpression' }>;

/** Reads a file. Throws when it cannot be parsed, naming it. */
export function readSource(file: TextFile): Source {
  const parsed = parseSync(file.path, file.text);
  const [error] = parsed.errors;
  if (error !== undefined) throw new Error(`${file.path}: ${error.message}`);
  const lineOf = lineFinder(file.text);
  const reader = new Reader(lineOf);
  new Visitor(reader.visitor()).visit(parsed.program);

  const imports: Import[] = [];
  for (const { moduleRequest } of parsed.module.staticImports) {
    imports.push({ specifier: moduleRequest.value, line: lineOf(moduleRequest.start) });
  }
  for (const { entries } of parsed.module.staticExports) {
    const from = entries[0]?.moduleRequest;
    if (from) imports.push({ specifier: from.value, line: lineOf(from.start) });
  }
  for (const { moduleRequest } of parsed.module.dynamicImports) {
    const written = file.text.slice(moduleRequest.start, moduleRequest.end);
    imports.push({
      specifier: written.replaceAll(/['"`]/g, ''),
      line: lineOf(moduleRequest.start),
    });
  }
  const { globals, functions, texts, onlys } = reader;
  return { path: file.path, imports, globals, functions, texts, onlys };
}

/** Collects while the visitor walks; the stack of titles says in which test a text stands. */
class Reader {
  readonly globals: Place[] = [];
  readonly functions: FunctionSize[] = [];
  readonly texts: Text[] = [];
  readonly onlys: Place[] = [];
  readonly #lineOf: (offset: number) => number;
  readonly #calls: Array<{ readonly title: string; readonly titleNode: Node }> = [];
  readonly #suites = new Set<Node>();
  /** Identifiers that are names of properties or members, not variables. */
  readonly #names = new Set<Node>();

  constructor(lineOf: (offset: number) => number) {
    this.#lineOf = lineOf;
  }

  visitor(): ConstructorParameters<typeof Visitor>[0] {
    const named = (node: { readonly key: Node; readonly computed: boolean }): void => {
      if (!node.computed) this.#names.add(node.key);
    };
    return {
      CallExpression: (node) => this.#enterCall(node),
      'CallExpression:exit': (node) => {
        if (this.#calls.at(-1)?.titleNode === node.arguments[0]) this.#calls.pop();
      },
      MemberExpression: (node) => {
        if (!node.computed) this.#names.add(node.property);
        this.#member(node);
      },
      Property: named,
      MethodDefinition: named,
      PropertyDefinition: named,
      TSPropertySignature: named,
      TSMethodSignature: named,
      Identifier: (node) => {
        if (environment.has(node.name) && !this.#names.has(node)) this.#global(node.name, node);
      },
      AwaitExpression: (node) => this.#global('await', node),
      ForOfStatement: (node) => {
        if (node.await) this.#global('await', node);
      },
      FunctionDeclaration: (node) => this.#function(node, node.id?.name),
      FunctionExpression: (node) => this.#function(node, node.id?.name),
      ArrowFunctionExpression: (node) => this.#function(node, undefined),
      Literal: (node) => {
        if (typeof node.value === 'string') this.#text(node, node.value);
      },
      TemplateLiteral: (node) => this.#text(node, templateText(node)),
    };
  }

  #enterCall(node: Call): void {
    const base = node.callee.type === 'MemberExpression' ? node.callee.object : node.callee;
    if (base.type !== 'Identifier' || !testCalls.has(base.name)) return;
    const [first] = node.arguments;
    const title = first === undefined ? undefined : textOf(first);
    if (first === undefined || title === undefined) return;
    this.#calls.push({ title, titleNode: first });
    if (base.name !== 'describe' && base.name !== 'suite') return;
    const body = node.arguments.at(-1);
    if (body !== undefined) this.#suites.add(body);
  }

  #member(node: Extract<Node, { type: 'MemberExpression' }>): void {
    if (node.object.type !== 'Identifier' || node.property.type !== 'Identifier') return;
    const written = `${node.object.name}.${node.property.name}`;
    if (written === 'Math.random') this.#global(written, node);
    if (testCalls.has(node.object.name) && node.property.name === 'only') {
      this.onlys.push({ what: written, line: this.#lineOf(node.start) });
    }
  }

  #global(what: string, node: Node): void {
    this.globals.push({ what, line: this.#lineOf(node.start) });
  }

  #function(node: Node & { readonly async: boolean }, name: string | undefined): void {
    if (node.async) this.#global('async', node);
    const line = this.#lineOf(node.start);
    const size = this.#lineOf(node.end) - line + 1;
    const isSuite = this.#suites.has(node) || name?.startsWith('describe') === true;
    this.functions.push({ name: name ?? 'a function', line, lines: size, isSuite });
  }

  #text(node: Node, value: string): void {
    const around = this.#calls.at(-1);
    const isTitle = around?.titleNode === node;
    this.texts.push({ value, line: this.#lineOf(node.start), title: around?.title, isTitle });
  }
}

function textOf(node: Node): string | undefined {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  return node.type === 'TemplateLiteral' ? templateText(node) : undefined;
}

function templateText(node: Extract<Node, { type: 'TemplateLiteral' }>): string {
  return node.quasis.map((part) => part.value.cooked ?? part.value.raw).join('${…}');
}

/** Line numbers from 1, by bisection. */
function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? Number.POSITIVE_INFINITY) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
