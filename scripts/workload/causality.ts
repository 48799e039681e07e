import type { AnswerLine, AnswerOutcome, SendLine, ValueId } from './log.js';

/**
 * Who came before whom, by what the clients themselves saw. A write that used the version of an answer supersedes the
 * values of that answer (of a GET: all that it showed; of a PUT: the value put), and whatever those superseded.
 *
 * Deletes are writes whose value is a tombstone that no GET shows. An acknowledged delete is judged by its effect: what
 * it superseded must not be seen again, and it accounts for the absence of that. A delete with an unknown outcome
 * accounts for an absence, too, unless something that it would have removed is still to be seen. A client that reads "no
 * value" and writes with that version supersedes tombstones without knowing which; nothing needs to be concluded from
 * that, because the deletes themselves still account for what they removed.
 *
 * A write that was repeated after an unknown outcome may stand in the store under two dots; superseding the one does
 * not supersede the other, so that seeing it again proves nothing.
 */
export interface Write {
  readonly value: ValueId;
  readonly key: string;
  readonly deletes: boolean;
  /** Request whose answer gave the version used; 0: none. */
  readonly from: number;
  /** Outcome of each attempt, `unknown` until it is answered. */
  readonly attempts: Map<number, AnswerOutcome>;
}

export interface KeyHistory {
  readonly key: string;
  readonly deletes: Write[];
  /** In order of acknowledgement. */
  readonly acknowledged: Write[];
  /** For each value that an acknowledged write superseded: how many writes had been acknowledged before that one. */
  readonly supersededAt: Map<ValueId, { readonly index: number; readonly by: ValueId }>;
}

export interface History {
  readonly keys: Map<string, KeyHistory>;
  readonly writes: Map<ValueId, Write>;
  /** What the version of an answer covers, by the number of its request. */
  readonly covers: Map<number, readonly ValueId[]>;
}

/** Values that one read showed, and how many of the key's writes had been acknowledged before it was sent. */
export interface View {
  readonly key: string;
  readonly values: readonly ValueId[];
  readonly acknowledgedBefore: number;
}

export interface ViewFaults {
  /** Acknowledged, and neither in the view nor before anything in it. */
  readonly missing: readonly ValueId[];
  /** In the view although an acknowledged write had superseded it. */
  readonly resurrected: readonly { readonly value: ValueId; readonly by: ValueId }[];
}

/** One thing that a promise forbids, with what shows it. */
export interface Finding {
  readonly key: string;
  readonly value: ValueId;
  readonly detail: string;
}

export function emptyHistory(): History {
  return { keys: new Map(), writes: new Map(), covers: new Map() };
}

export function historyOf(history: History, key: string): KeyHistory {
  let found = history.keys.get(key);
  if (!found) {
    found = { key, deletes: [], acknowledged: [], supersededAt: new Map() };
    history.keys.set(key, found);
  }
  return found;
}

export function statusOf(write: Write): 'acknowledged' | 'refused' | 'unknown' {
  const outcomes = [...write.attempts.values()];
  if (outcomes.includes('ok')) return 'acknowledged';
  return outcomes.every((outcome) => outcome === 'none') ? 'refused' : 'unknown';
}

/** Adds a send line that writes. */
export function onSend(history: History, line: SendLine): void {
  const intent = line.write;
  if (!intent) return;
  const known = history.writes.get(intent.value);
  if (known) {
    known.attempts.set(line.n, 'unknown');
    return;
  }
  const deletes = intent.deletes === true;
  const attempts = new Map<number, AnswerOutcome>([[line.n, 'unknown']]);
  const write: Write = { value: intent.value, key: line.key, deletes, from: intent.from, attempts };
  history.writes.set(intent.value, write);
  if (deletes) historyOf(history, line.key).deletes.push(write);
}

/** Adds the answer to `send`. */
export function onAnswer(history: History, send: SendLine, line: AnswerLine): void {
  const write = send.write && history.writes.get(send.write.value);
  if (!write) {
    if (line.outcome === 'ok') history.covers.set(line.n, line.values ?? []);
    return;
  }
  write.attempts.set(line.n, line.outcome);
  if (line.outcome !== 'ok') return;
  history.covers.set(line.n, [write.value]);
  acknowledge(history, write);
}

function acknowledge(history: History, write: Write): void {
  const key = historyOf(history, write.key);
  const index = key.acknowledged.push(write) - 1;
  const pending = [...coveredBy(history, write)];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (key.supersededAt.has(value)) continue;
    key.supersededAt.set(value, { index, by: write.value });
    const superseded = history.writes.get(value);
    if (superseded) pending.push(...coveredBy(history, superseded));
  }
}

function coveredBy(history: History, write: Write): readonly ValueId[] {
  return history.covers.get(write.from) ?? [];
}

/** `roots` and everything before them. */
export function withAncestors(history: History, roots: readonly ValueId[]): Set<ValueId> {
  const found = new Set<ValueId>();
  const pending = [...roots];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (found.has(value)) continue;
    found.add(value);
    const write = history.writes.get(value);
    if (write) pending.push(...coveredBy(history, write));
  }
  return found;
}

/** Whether the write may stand in the store under two dots. */
export function maybeDoubled(write: Write): boolean {
  return [...write.attempts.values()].filter((outcome) => outcome !== 'none').length > 1;
}

/** Judges one view by the history so far. */
export function judgeView(history: History, view: View): ViewFaults {
  const key = historyOf(history, view.key);
  const accounted = withAncestors(history, [...view.values, ...deletesThatMayHold(history, key, view)]);
  const required = key.acknowledged.slice(0, view.acknowledgedBefore);
  const missing = required.filter((write) => !write.deletes && !accounted.has(write.value));
  const resurrected = view.values.flatMap((value) => {
    const superseded = key.supersededAt.get(value);
    const write = history.writes.get(value);
    if (!superseded || superseded.index >= view.acknowledgedBefore || !write || maybeDoubled(write))
      return [];
    return [{ value, by: superseded.by }];
  });
  return { missing: [...new Set(missing.map((write) => write.value))], resurrected };
}

function deletesThatMayHold(history: History, key: KeyHistory, view: View): ValueId[] {
  const seen = new Set(view.values.filter((value) => !isMaybeDoubled(history, value)));
  const holds = (write: Write): boolean => {
    const status = statusOf(write);
    if (status !== 'unknown') return status === 'acknowledged';
    const removed = withAncestors(history, coveredBy(history, write));
    return ![...removed].some((value) => seen.has(value));
  };
  return key.deletes.filter(holds).map((write) => write.value);
}

function isMaybeDoubled(history: History, value: ValueId): boolean {
  const write = history.writes.get(value);
  return write !== undefined && maybeDoubled(write);
}
