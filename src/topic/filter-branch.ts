import { LargeMap } from '../base/mod.js';

/** What is below a level: a branch, or the value of the only filter there. */
export type Place<Value> = Branch<Value> | Value;

/** A level that more than one filter goes through. */
export class Branch<Value> {
  /** Of the filter that ends here. */
  value: Value | undefined = undefined;
  /** Of the filter that ends here with a further `/#`, or `#` at the root. */
  hash: Value | undefined = undefined;
  plus: Place<Value> | undefined = undefined;
  /** Of `child`; else ''. */
  childLevel = '';
  /** The only place below that is not `+`. Undefined: there is none, or `children` has them. */
  child: Place<Value> | undefined = undefined;
  /** Two or more of them; a map for one would outweigh its branch. */
  children: LargeMap<Place<Value>> | undefined = undefined;
}

export function isBranch<Value>(place: Place<Value> | undefined): place is Branch<Value> {
  return place instanceof Branch;
}

export function placeOf<Value>(branch: Branch<Value>, level: string): Place<Value> | undefined {
  if (level === '+') return branch.plus;
  if (branch.children !== undefined) return branch.children.get(level);
  return branch.childLevel === level ? branch.child : undefined;
}

/** In the place of what was there. `level` is kept. */
export function setPlace<Value>(branch: Branch<Value>, level: string, place: Place<Value>): void {
  if (level === '+') {
    branch.plus = place;
  } else if (branch.children !== undefined) {
    branch.children.set(level, place);
  } else if (branch.child === undefined || branch.childLevel === level) {
    branch.childLevel = level;
    branch.child = place;
  } else {
    branch.children = new LargeMap();
    branch.children.set(branch.childLevel, branch.child);
    branch.children.set(level, place);
    branch.childLevel = '';
    branch.child = undefined;
  }
}

export function removePlace<Value>(branch: Branch<Value>, level: string): void {
  const { children } = branch;
  if (level === '+') {
    branch.plus = undefined;
  } else if (children === undefined) {
    branch.childLevel = '';
    branch.child = undefined;
  } else {
    children.delete(level);
    if (children.size > 1) return;
    branch.children = undefined;
    for (const [last, place] of children) {
      branch.childLevel = last;
      branch.child = place;
    }
  }
}

export function isEmpty<Value>(branch: Branch<Value>): boolean {
  const { value, hash, plus, child, children } = branch;
  const holdsValue = value !== undefined || hash !== undefined;
  return !holdsValue && plus === undefined && child === undefined && children === undefined;
}

/** The value of the only filter here and below, if there is but one and it needs no branch. */
export function onlyValue<Value>(branch: Branch<Value>): Value | undefined {
  if (branch.children !== undefined) return undefined;
  let only: Value | undefined;
  for (const place of [branch.value, branch.hash, branch.plus, branch.child]) {
    if (place === undefined) continue;
    if (only !== undefined || isBranch(place)) return undefined;
    only = place;
  }
  return only;
}
