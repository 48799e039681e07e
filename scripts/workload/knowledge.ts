import type { ValueId } from './log.js';

/** A version that a client got, and the request whose answer gave it. */
export interface Known {
  readonly version: string;
  readonly from: number;
  readonly values: readonly ValueId[];
}

export const NOTHING: Known = { version: '', from: 0, values: [] };

const KEYS_MAX = 64;

/** What one client remembers: for a bounded number of keys the newest version and an older one. */
export interface Knowledge {
  learn(key: string, known: Known): void;
  newest(key: string): Known | undefined;
  /** A version that a newer one has followed; writing with it should be refused. */
  outdated(): { readonly key: string; readonly known: Known } | undefined;
  /** The key of this client's last acknowledged write, with the version that its answer gave. */
  ownLast(): { readonly key: string; readonly known: Known } | undefined;
  wrote(key: string, known: Known): void;
}

export function emptyKnowledge(): Knowledge {
  const newest = new Map<string, Known>();
  let outdated: { key: string; known: Known } | undefined;
  let ownLast: { key: string; known: Known } | undefined;
  const learn = (key: string, known: Known): void => {
    const before = newest.get(key);
    if (before && before.version !== known.version) outdated = { key, known: before };
    newest.delete(key);
    newest.set(key, known);
    const oldest = newest.keys().next();
    if (newest.size > KEYS_MAX && oldest.done !== true) newest.delete(oldest.value);
  };
  return {
    learn,
    newest: (key) => newest.get(key),
    outdated: () => outdated,
    ownLast: () => ownLast,
    wrote: (key, known) => {
      learn(key, known);
      ownLast = { key, known };
    },
  };
}
