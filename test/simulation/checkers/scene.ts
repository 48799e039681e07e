import type { SendLine, ValueId } from '../../../scripts/workload/log.js';
import type { Clock, Key, NodeId } from '../../../services/node/core/types.js';
import type { Directory } from '../directory.js';
import type { Answer, Request } from '../requests.js';

/** A promise (I) or rule (R) of docs/INVARIANTS.md that did not hold, or what the simulator itself asks for. */
export type PromiseName =
  | `I${number}`
  | `R${number}`
  /** A value was read that nobody wrote, or whose write was certainly refused. */
  | 'phantom'
  /** A request that is repeated under its requestId is the same write. */
  | 'requestId'
  /** What the healed core must be able to do. */
  | 'liveness'
  /** The core threw. */
  | 'crash'
  /** One plan, two traces. */
  | 'determinism';

export interface Violation {
  readonly promise: PromiseName;
  readonly atMs: number;
  readonly detail: string;
}

export type Report = (promise: PromiseName, detail: string) => void;

/** What checkers may look at beside the history of the clients. */
export interface Scene {
  readonly report: Report;
  nowMs(): number;
  /** Every directory that there ever was. */
  directories(): readonly Directory[];
  directoriesOf(node: NodeId): readonly Directory[];
  /** Those in use, one for each node. */
  currentDirectories(): readonly Directory[];
  /** What the clock of a node shows. */
  wallMs(node: NodeId): number;
  primaries(key: Key): readonly NodeId[];
  /** `undefined` where it is not a version of this cluster for the key. */
  clockOf(key: Key, version: string): Clock | undefined;
}

/** Whether copies and misses of the directory counted at that time or later. */
export function countedSince({ complete, formerActors, lostAtMs }: Directory, sinceMs: number): boolean {
  return (complete || formerActors.length > 0) && (lostAtMs ?? Infinity) >= sinceMs;
}

/** A request and its answer, as the oracle of the workload's verdict reads them. */
export function sendLine({ n, sentAtMs, client, node, key, write }: Request): SendLine {
  const base = { t: 'send' as const, n, at: sentAtMs, client, node, key };
  if (!write) return { ...base, op: 'get' };
  const { value, from, deletes, requestId } = write;
  const intent = { value, from, deletes, ...(requestId !== undefined && { requestId }) };
  return { ...base, op: deletes ? 'delete' : 'put', write: intent };
}

/** What the answer's version stands for. */
export function valuesOf({ write }: Request, answer: Answer): readonly ValueId[] {
  if (!write) return answer.values ?? [];
  return write.deletes ? [] : [write.value];
}
