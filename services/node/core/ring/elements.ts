import { assert } from '../assert.js';

/** The element at an index that is known to be in range. */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const element = list[index];
  assert(element !== undefined, 'an index is in range');
  return element;
}

/** `[0, 1, … length - 1]`. */
export function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

/** Indexes into the list, sorted by id, so that nothing depends on the order in which a document lists its nodes. */
export function indexesById(ids: readonly string[]): number[] {
  return range(ids.length).sort((a, b) => (at(ids, a) < at(ids, b) ? -1 : 1));
}
