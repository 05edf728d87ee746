import { AclRules, type Substitutes } from './acl-rules.js';
import { type FileProblem, linesOf, type Parsed } from './file-problem.js';

/** Rules of one scope: everyone, one user, or the patterns. */
class Scope {
  readonly read: AclRules = new AclRules();
  readonly write: AclRules = new AclRules();
  readonly denied: AclRules = new AclRules();
}

const accessWords = ['read', 'write', 'readwrite', 'deny'] as const;
type Access = (typeof accessWords)[number];
type Verdict = 'granted' | 'denied' | 'unknown';

/** An ACL file, compiled. Immutable once parsed. */
export class Acl {
  readonly #everyone: Scope = new Scope();
  readonly #byUser = new Map<string, Scope>();
  readonly #patterns: Scope = new Scope();
  #ruleCount = 0;

  /** Lines that grant or deny something. */
  get ruleCount(): number {
    return this.#ruleCount;
  }

  /** Only while the file is parsed. `user` undefined: everyone's. `filter` is valid. */
  add(access: Access, filter: string, user: string | undefined, isPattern: boolean): void {
    this.#ruleCount += 1;
    const scope = this.#scopeFor(user, isPattern);
    for (const rules of rulesFor(scope, access)) rules.add(filter, isPattern);
  }

  #scopeFor(user: string | undefined, isPattern: boolean): Scope {
    if (isPattern) return this.#patterns;
    if (user === undefined) return this.#everyone;
    let scope = this.#byUser.get(user);
    if (scope === undefined) {
      scope = new Scope();
      this.#byUser.set(user, scope);
    }
    return scope;
  }

  publish(topicName: string, client: Substitutes): Verdict {
    const user = this.#scopeOfClient(client);
    if (
      this.#everyone.denied.matches(topicName, client) ||
      user?.denied.matches(topicName, client) === true ||
      this.#patterns.denied.matches(topicName, client)
    ) {
      return 'denied';
    }
    const isGranted =
      this.#everyone.write.matches(topicName, client) ||
      user?.write.matches(topicName, client) === true ||
      this.#patterns.write.matches(topicName, client);
    return isGranted ? 'granted' : 'unknown';
  }

  /** `topicFilter` as requested; of a shared subscription, the filter in it is what counts. */
  subscribe(topicFilter: string, client: Substitutes): Verdict {
    const user = this.#scopeOfClient(client);
    const inner = innerFilterOf(topicFilter);
    if (
      this.#everyone.denied.overlaps(inner, client) ||
      user?.denied.overlaps(inner, client) === true ||
      this.#patterns.denied.overlaps(inner, client)
    ) {
      return 'denied';
    }
    if (this.#covers(inner, user, client)) return 'granted';
    // VerneMQ compares `$share/…` as a whole: its files may hold rules that spell it out.
    return inner !== topicFilter && this.#covers(topicFilter, user, client) ? 'granted' : 'unknown';
  }

  #covers(filter: string, user: Scope | undefined, client: Substitutes): boolean {
    return (
      this.#everyone.read.covers(filter, client) ||
      user?.read.covers(filter, client) === true ||
      this.#patterns.read.covers(filter, client)
    );
  }

  #scopeOfClient({ userName }: Substitutes): Scope | undefined {
    return userName === undefined ? undefined : this.#byUser.get(userName);
  }
}

function innerFilterOf(topicFilter: string): string {
  if (!topicFilter.startsWith('$share/')) return topicFilter;
  const slash = topicFilter.indexOf('/', '$share/'.length);
  return slash === -1 ? topicFilter : topicFilter.slice(slash + 1);
}

/**
 * Reads vmq_acl's format (reference 8.4), which is Mosquitto's:
 *
 *     # comment
 *     topic [read|write|readwrite|deny] <filter>     everyone's, or of the user named before
 *     user <name>
 *     pattern [read|write|readwrite|deny] <filter>   with %m, %c, %u as whole levels
 *
 * read is subscribing, write publishing, no word both. `deny` (Mosquitto's) goes before every
 * grant, and since deliveries are not checked one by one, it also refuses a subscription that could
 * match something denied. Blanks may lead, trail and repeat.
 */
export function parseAcl(text: string): Parsed<Acl> {
  const acl = new Acl();
  const problems: FileProblem[] = [];
  let user: string | undefined;
  for (const [at, line] of linesOf(text).entries()) {
    const report = (column: number, message: string): void => {
      problems.push({ line: at + 1, column, message });
    };
    const { word, column, rest, restColumn } = splitWord(line, 1);
    if (word === '' || word.startsWith('#')) continue;
    if (word === 'user') {
      if (rest === '') report(restColumn, 'the name of the user is missing');
      else user = rest;
    } else if (word === 'topic' || word === 'pattern') {
      addRule(acl, word === 'pattern', user, rest, restColumn, report);
    } else {
      report(column, `"${word}" is none of topic, user, pattern`);
    }
  }
  return problems.length > 0 ? { problems } : { content: acl };
}

function addRule(
  acl: Acl,
  isPattern: boolean,
  user: string | undefined,
  text: string,
  textColumn: number,
  report: (column: number, message: string) => void,
): void {
  const first = splitWord(text, textColumn);
  const access = accessWords.find((word) => word === first.word);
  const filter = access === undefined ? text : first.rest;
  const column = access === undefined ? textColumn : first.restColumn;
  if (filter === '') {
    const hint = access === undefined ? '' : ` (a topic named ${access}: "readwrite ${access}")`;
    report(column, `the topic filter is missing${hint}`);
    return;
  }
  const problem = filterProblem(filter, isPattern);
  if (problem !== undefined) {
    report(column + problem.at, problem.message);
    return;
  }
  acl.add(access ?? 'readwrite', filter, user, isPattern);
}

function rulesFor(scope: Scope, access: Access): AclRules[] {
  switch (access) {
    case 'read':
      return [scope.read];
    case 'write':
      return [scope.write];
    case 'readwrite':
      return [scope.read, scope.write];
    case 'deny':
      return [scope.denied];
  }
}

/** The first word and what follows it, both without blanks around; columns are of the line. */
function splitWord(
  text: string,
  textColumn: number,
): { word: string; column: number; rest: string; restColumn: number } {
  const lead = text.length - text.trimStart().length;
  const word = /^\S*/.exec(text.slice(lead))?.[0] ?? '';
  const tail = text.slice(lead + word.length);
  const gap = tail.length - tail.trimStart().length;
  return {
    word,
    column: textColumn + lead,
    rest: tail.trim(),
    restColumn: textColumn + lead + word.length + gap,
  };
}

function filterProblem(
  filter: string,
  isPattern: boolean,
): { at: number; message: string } | undefined {
  let at = 0;
  for (const level of filter.split('/')) {
    const wildcard = level.search(/[+#]/);
    if (wildcard !== -1 && level.length > 1) {
      const sign = level[wildcard];
      const hint = / #/.test(level) ? '; a comment has a line of its own' : '';
      return { at: at + wildcard, message: `${sign} must be a whole level${hint}` };
    }
    if (level === '#' && at + 1 < filter.length) {
      return { at, message: '# must be the last level' };
    }
    const substitution = isPattern ? level.search(/%[mcu]/) : -1;
    if (substitution !== -1 && level.length > 2) {
      const sign = level.slice(substitution, substitution + 2);
      return { at: at + substitution, message: `${sign} must be a whole level` };
    }
    at += level.length + 1;
  }
  const nul = filter.indexOf('\0');
  return nul === -1 ? undefined : { at: nul, message: 'U+0000 is not allowed in a topic filter' };
}
