import { ERRORS } from '../../services/node/core/errors.js';
import type { AnswerLine, LogLine, SendLine } from './log.js';
import { summarise, type Latency } from './measures.js';

/** How requests fared that went through nodes that no fault struck. */
export interface Bystanders {
  /** Of all answers, errors too, that came while no fault was on. */
  readonly calm: Latency;
  /** Of all answers that came between a fault and its end: also those to requests that were under way when it struck. */
  readonly faulty: Latency;
  /** Answers after the first fault other than `ok`, by code, sorted. */
  readonly errors: Readonly<Record<string, number>>;
  /** Sent later than a second after a fault, also when it had ended, and answered with 503. */
  readonly late503: number;
  /** Sent earlier, and answered with 503 later than a second after the fault. */
  readonly slow503: number;
  /** Ended by the client's own patience or a broken connection (I11). */
  readonly unanswered: number;
}

/** The time in which a fault may show. */
const FIRST_MS = 1000;

/** `struck` are indexes into the URLs of the run. */
export function measureBystanders(lines: Iterable<LogLine>, struck: ReadonlySet<number>): Bystanders {
  const sends = new Map<number, SendLine>();
  const times = { calm: [] as number[], faulty: [] as number[] };
  const errors = new Map<string, number>();
  const counts = { late503: 0, slow503: 0, unanswered: 0 };
  let faultAt: number | undefined;
  let isFaulty = false;
  const onAnswer = (send: SendLine, line: AnswerLine): void => {
    times[isFaulty ? 'faulty' : 'calm'].push(line.at - send.at);
    if (line.outcome === 'ok' || faultAt === undefined) return;
    errors.set(line.code, (errors.get(line.code) ?? 0) + 1);
    if (statusOf(line.code) === 503) {
      if (send.at > faultAt + FIRST_MS) counts.late503++;
      else if (line.at > faultAt + FIRST_MS) counts.slow503++;
    }
    if (UNANSWERED.has(line.code)) counts.unanswered++;
  };
  for (const line of lines) {
    if (line.t === 'send' && !struck.has(line.node)) sends.set(line.n, line);
    if (line.t === 'mark') {
      isFaulty = line.name === 'fault';
      if (isFaulty) faultAt = line.at;
    }
    const send = line.t === 'answer' ? sends.get(line.n) : undefined;
    if (line.t !== 'answer' || !send) continue;
    sends.delete(line.n);
    onAnswer(send, line);
  }
  const sorted = [...errors].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    calm: summarise(times.calm),
    faulty: summarise(times.faulty),
    errors: Object.fromEntries(sorted),
    ...counts,
  };
}

const UNANSWERED: ReadonlySet<string> = new Set(['client_timeout', 'connection_lost', 'connection_refused']);

/** The log has codes only; an answer that is none of Rondo's is logged as `status_…`. */
function statusOf(code: string): number | undefined {
  if (Object.hasOwn(ERRORS, code)) return ERRORS[code as keyof typeof ERRORS].status;
  return code.startsWith('status_') ? Number(code.slice('status_'.length)) : undefined;
}
