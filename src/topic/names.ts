import { Buffer } from 'node:buffer';

/** Why a Topic Name or Topic Filter is not valid. */
export interface TopicProblem {
  /** One sentence. */
  readonly reason: string;
  /** The specification statement that it breaks; undefined for our own limits. */
  readonly statement: string | undefined;
}

/** Bytes of UTF-8 that a length prefix of two bytes can announce. */
const topicBytesMax = 65_535;

const slash = 0x2f;
const plus = 0x2b;
const hash = 0x23;

/**
 * Topic Names in PUBLISH and in wills: what is wrong with `name`, or undefined. `maxLevels`:
 * `topic_max_depth`. Source: sections 4.7.1 and 4.7.3, equal in 3.1.1 and 5.
 */
export function checkTopicName(name: string, maxLevels: number): TopicProblem | undefined {
  const common = checkText(name, 'Topic Name');
  if (common !== undefined) return common;
  let levels = 1;
  for (let at = 0; at < name.length; at += 1) {
    const unit = name.charCodeAt(at);
    if (unit === slash) levels += 1;
    else if (unit === plus || unit === hash) {
      // Also [MQTT5-4.7.0-1], [MQTT3-4.7.1-1], [MQTT3-3.3.2-2].
      return { reason: 'a Topic Name must not hold wildcards', statement: 'MQTT5-3.3.2-2' };
    }
  }
  return levels > maxLevels ? tooDeep('Topic Name', levels, maxLevels) : undefined;
}

/**
 * Topic Filters, and the filter part of shared subscriptions: what is wrong with `filter`, or
 * undefined. `maxLevels`: `topic_max_depth`.
 */
export function checkTopicFilter(filter: string, maxLevels: number): TopicProblem | undefined {
  const common = checkText(filter, 'Topic Filter');
  if (common !== undefined) return common;
  let levels = 1;
  for (let at = 0; at < filter.length; at += 1) {
    const unit = filter.charCodeAt(at);
    if (unit === slash) {
      levels += 1;
      continue;
    }
    if (unit !== plus && unit !== hash) continue;
    const startsLevel = at === 0 || filter.charCodeAt(at - 1) === slash;
    const isLast = at === filter.length - 1;
    if (unit === hash && !(startsLevel && isLast)) {
      // Also [MQTT3-4.7.1-2]
      return { reason: '# must be a level of its own and the last', statement: 'MQTT5-4.7.1-1' };
    }
    if (unit === plus && !(startsLevel && (isLast || filter.charCodeAt(at + 1) === slash))) {
      // Also [MQTT3-4.7.1-3]
      return { reason: '+ must be a level of its own', statement: 'MQTT5-4.7.1-2' };
    }
  }
  return levels > maxLevels ? tooDeep('Topic Filter', levels, maxLevels) : undefined;
}

/** The parts of a shared subscription's Topic Filter. Neither is empty. */
export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

const sharePrefix = '$share/';

/**
 * The parts of `$share/{ShareName}/{filter}` (MQTT 5 section 4.8.2). Undefined: not a shared
 * subscription. The filter part is not checked further here.
 */
export function parseSharedFilter(filter: string): SharedFilter | TopicProblem | undefined {
  if (!filter.startsWith(sharePrefix)) return undefined;
  const end = filter.indexOf('/', sharePrefix.length);
  const group = end < 0 ? filter.slice(sharePrefix.length) : filter.slice(sharePrefix.length, end);
  if (group.length === 0) {
    return { reason: 'the ShareName is empty', statement: 'MQTT5-4.8.2-1' };
  }
  if (group.includes('+') || group.includes('#')) {
    return { reason: 'the ShareName holds a wildcard', statement: 'MQTT5-4.8.2-2' };
  }
  if (end < 0 || end === filter.length - 1) {
    return { reason: 'a Topic Filter must follow the ShareName', statement: 'MQTT5-4.8.2-2' };
  }
  return { group, filter: filter.slice(end + 1) };
}

/**
 * True if a valid `filter` matches a valid `name`. Compares code unit by code unit, so nothing is
 * normalised or replaced [MQTT5-4.7.3-4], [MQTT3-4.7.3-4]; $-topics hide from leading wildcards.
 */
export function matchesFilter(filter: string, name: string): boolean {
  // [MQTT5-4.7.2-1], [MQTT3-4.7.2-1]
  if (name.charCodeAt(0) === 0x24 && (filter.startsWith('#') || filter.startsWith('+'))) {
    return false;
  }
  let filterAt = 0;
  let nameAt = 0;
  for (;;) {
    const filterEnd = levelEnd(filter, filterAt);
    const nameEnd = levelEnd(name, nameAt);
    const first = filter.charCodeAt(filterAt);
    if (first === hash) return true;
    if (first !== plus && !sameLevel(filter, filterAt, filterEnd, name, nameAt, nameEnd)) {
      return false;
    }
    const filterDone = filterEnd === filter.length;
    const nameDone = nameEnd === name.length;
    // `a/#` matches its parent level `a` as well (section 4.7.1.2).
    if (nameDone) return filterDone || filter.slice(filterEnd) === '/#';
    if (filterDone) return false;
    filterAt = filterEnd + 1;
    nameAt = nameEnd + 1;
  }
}

function levelEnd(text: string, start: number): number {
  const end = text.indexOf('/', start);
  return end < 0 ? text.length : end;
}

function sameLevel(
  filter: string,
  filterAt: number,
  filterEnd: number,
  name: string,
  nameAt: number,
  nameEnd: number,
): boolean {
  const length = filterEnd - filterAt;
  if (length !== nameEnd - nameAt) return false;
  for (let at = 0; at < length; at += 1) {
    if (filter.charCodeAt(filterAt + at) !== name.charCodeAt(nameAt + at)) return false;
  }
  return true;
}

// Statements of 3.1.1: [MQTT3-4.7.3-1] [MQTT3-4.7.3-2] [MQTT3-4.7.3-3]
function checkText(text: string, what: string): TopicProblem | undefined {
  if (text.length === 0) return { reason: `the ${what} is empty`, statement: 'MQTT5-4.7.3-1' };
  if (text.includes('\0')) {
    return { reason: `the ${what} holds U+0000`, statement: 'MQTT5-4.7.3-2' };
  }
  // A UTF-16 unit takes up to three bytes; almost no text is long enough to be counted.
  if (text.length > topicBytesMax / 3 && Buffer.byteLength(text, 'utf8') > topicBytesMax) {
    return { reason: `the ${what} is longer than 65,535 bytes`, statement: 'MQTT5-4.7.3-3' };
  }
  return undefined;
}

function tooDeep(what: string, levels: number, maxLevels: number): TopicProblem {
  const reason = `the ${what} has ${levels} levels, topic_max_depth allows ${maxLevels}`;
  return { reason, statement: undefined };
}
