import type { AnswerOutcome, ValueId } from '../../scripts/workload/log.js';
import type { ErrorCode } from '../../services/node/core/errors.js';
import type {
  GetOutcome,
  OnConflict,
  PutOutcome,
  Quorum,
} from '../../services/node/core/protocol/messages.js';
import type { Key } from '../../services/node/core/types.js';
import type { Machine } from './machine.js';
import type { Schedule } from './schedule.js';
import { decodeValue, encodeValue } from './values.js';

/** One request as a client sends it. */
export interface Request {
  /** Numbers requests from 1; a repeat is a new number with the same value. */
  readonly n: number;
  readonly sentAtMs: number;
  readonly client: number;
  readonly node: number;
  readonly key: Key;
  /** R of a read, W of a write; never absent: the majority is written out. */
  readonly wanted: number;
  readonly quorum: Quorum;
  /** Absent: a read. */
  readonly write?: WriteIntent;
}

export interface WriteIntent {
  readonly value: ValueId;
  readonly deletes: boolean;
  readonly valueBytes: number;
  /** The request whose answer gave the version; 0: none. */
  readonly from: number;
  readonly fromVersion: string;
  readonly onConflict: OnConflict;
  readonly requestId?: string;
}

/** What the client got. */
export interface Answer {
  readonly outcome: AnswerOutcome;
  readonly code: ErrorCode | 'ok' | 'refused' | 'lost' | 'timeout';
  readonly version?: string | null;
  readonly values?: readonly ValueId[];
  readonly siblings?: number;
}

/** Longer than a node may take. */
const CLIENT_PATIENCE_MS = 1500;

/** Sends a request to a machine; `done` is called once, also where the process dies or says nothing. */
export function sendRequest(
  machine: Machine,
  schedule: Schedule,
  request: Request,
  requestTimeoutMs: number,
  done: (answer: Answer) => void,
): void {
  const { life } = machine;
  if (!life) {
    schedule.after(1, () => done({ outcome: 'none', code: 'refused' })); // prettier-ignore
    return;
  }
  let open = true;
  const end = (answer: Answer): void => {
    if (!open) return;
    open = false;
    life.callers.delete(lost);
    done(answer);
  };
  const lost = (): void => {
    end({ outcome: 'unknown', code: 'lost' });
  };
  life.callers.add(lost);
  life.gate.enter(() => {
    const { put, get } = messagesOf(request);
    if (put) void life.runtime.put(put).then((outcome) => end(putAnswer(outcome))); // prettier-ignore
    else void life.runtime.get(get).then((outcome) => end(getAnswer(outcome))); // prettier-ignore
  });
  schedule.after(requestTimeoutMs + CLIENT_PATIENCE_MS, () => end({ outcome: 'unknown', code: 'timeout' })); // prettier-ignore
}

function messagesOf({ key, quorum, wanted, write }: Request) {
  const get = { key, quorum, minReads: wanted };
  if (!write) return { get };
  const { value, deletes, valueBytes, fromVersion, onConflict, requestId } = write;
  const put = {
    key,
    quorum,
    minWrites: wanted,
    value: deletes ? new Uint8Array() : encodeValue(value, valueBytes),
    fromVersion,
    onConflict,
    ...(requestId !== undefined && { requestId }),
  };
  return { put, get };
}

function getAnswer(outcome: GetOutcome): Answer {
  if (!outcome.ok) return { outcome: outcome.outcome, code: outcome.code };
  return { outcome: 'ok', code: 'ok', version: outcome.version, values: outcome.values.map(decodeValue) };
}

function putAnswer(outcome: PutOutcome): Answer {
  if (outcome.ok) {
    return { outcome: 'ok', code: 'ok', version: outcome.version, siblings: outcome.siblings };
  }
  const { code, version } = outcome;
  return { outcome: outcome.outcome, code, ...(version !== undefined && { version }) };
}
