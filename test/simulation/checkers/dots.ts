import type { ValueId } from '../../../scripts/workload/log.js';
import type {
  Clock,
  Dot,
  Key,
  RequestMark,
  Sibling,
  VersionedRecord,
} from '../../../services/node/core/types.js';
import { covers } from '../../../services/node/core/versioning/clock.js';
import { decodeValue } from '../values.js';
import type { Report } from './scene.js';

/**
 * Every dot that was ever seen on a disk or in a message, and the write that it names: one dot, one write (I4), and one
 * request under a requestId, one dot at the node that minted it.
 */
export interface DotLedger {
  note(key: Key, record: VersionedRecord, where: () => string): void;
  isKnown(dot: Dot): boolean;
  keyOf(dot: Dot): Key | undefined;
  /** Dots of the write of this value, or under this requestId where it deletes. */
  dotsOf(value: ValueId, requestId: string | undefined): readonly Dot[];
  /** Writes of the key that `clock` covers; tombstones have no value and are left out. */
  coveredBy(key: Key, clock: Clock): readonly ValueId[];
}

interface Named {
  readonly dot: Dot;
  readonly key: Key;
  readonly bytes: Uint8Array;
  /** `undefined`: a tombstone. */
  readonly value: ValueId | undefined;
}

export function createDotLedger(report: Report): DotLedger {
  const byDot = new Map<string, Named>();
  const byKey = new Map<Key, Named[]>();
  const byRequest = new Map<string, Dot[]>();
  const noteSibling = (key: Key, sibling: Sibling, where: () => string): void => {
    const name = nameOf(sibling.dot);
    const known = byDot.get(name);
    if (!known) {
      const { dot, value: bytes } = sibling;
      const named = {
        dot,
        key,
        bytes: bytes.slice(),
        value: bytes.length > 0 ? decodeValue(bytes) : undefined,
      };
      byDot.set(name, named);
      byKey.set(key, [...(byKey.get(key) ?? []), named]);
    } else if (known.key !== key || !areSame(known.bytes, sibling.value)) {
      report(
        'I4',
        `the dot ${name} names ${text(known.bytes)} of ${known.key} and ${text(sibling.value)} of ${key}, ${where()}`,
      );
    }
  };
  const noteMark = (mark: RequestMark): void => {
    const known = byRequest.get(mark.requestId) ?? [];
    if (known.some((dot) => nameOf(dot) === nameOf(mark.dot))) return;
    byRequest.set(mark.requestId, [...known, mark.dot]);
  };
  return {
    note: (key, record, where) => {
      for (const sibling of record.siblings) noteSibling(key, sibling, where);
      for (const mark of record.marks) noteMark(mark);
      const twice = mintedTwice(record.marks);
      if (twice) report('requestId', `the request ${twice} was minted twice by one node, ${where()}`);
    },
    isKnown: (dot) => byDot.has(nameOf(dot)),
    keyOf: (dot) => byDot.get(nameOf(dot))?.key,
    dotsOf: (value, requestId) => {
      const marked = requestId === undefined ? [] : (byRequest.get(requestId) ?? []);
      const valued = [...byDot.values()].filter((named) => named.value === value);
      return [...marked, ...valued.map((named) => named.dot)];
    },
    coveredBy: (key, clock) => {
      const named = byKey.get(key) ?? [];
      return named.flatMap(({ value, dot }) => (value !== undefined && covers(clock, dot) ? [value] : []));
    },
  };
}

function mintedTwice(marks: readonly RequestMark[]): string | undefined {
  const seen = new Map<string, number>();
  for (const { requestId, dot } of marks) {
    const name = `${requestId} ${dot.actor}`;
    if ((seen.get(name) ?? dot.counter) !== dot.counter) return requestId;
    seen.set(name, dot.counter);
  }
  return undefined;
}

export function nameOf({ actor, counter }: Dot): string {
  return `${actor}:${String(counter)}`;
}

function areSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function text(value: Uint8Array): string {
  return value.length === 0 ? 'a tombstone' : decodeValue(value);
}
