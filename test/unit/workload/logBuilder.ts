import type { AnswerOutcome, LogLine } from '../../../scripts/workload/log.js';

const START: LogLine = {
  t: 'start',
  run: 'r',
  seed: 1,
  urls: ['http://a', 'http://b'],
  clients: 2,
  keys: 2,
  minNumReads: null,
  minNumWrites: null,
  quorum: 'strict',
  readsAreStrict: true,
};

interface WriteOptions {
  readonly key?: string;
  readonly from?: number;
  readonly outcome?: AnswerOutcome;
  readonly version?: string | null;
  readonly deletes?: boolean;
}

/** Builds logs by hand. Each request is sent and answered at once unless it is split into `send` and `answer`. */
export interface LogBuilder {
  readonly lines: LogLine[];
  /** Sends and answers a write; gives its request number. */
  write(value: string, options?: WriteOptions): number;
  remove(value: string, options?: WriteOptions): number;
  read(values: readonly string[], version?: string, key?: string): number;
  sendWrite(value: string, options?: WriteOptions): number;
  answer(n: number, outcome: AnswerOutcome, values?: readonly string[], version?: string | null): void;
  sendRead(key?: string): number;
  fault(inFlight: number): void;
  /** Final reads of one key through both nodes; `other` where the second node shows something else. */
  finals(values: readonly string[], other?: readonly string[], key?: string): number;
  unreadable(key?: string): void;
}

export function logBuilder(start: Partial<Extract<LogLine, { t: 'start' }>> = {}): LogBuilder {
  const lines: LogLine[] = [{ ...START, ...start } as LogLine];
  let n = 0;
  let at = 0;
  const sendWrite = (value: string, { key = 'k', from = 0, deletes = false }: WriteOptions = {}): number => {
    const op = deletes ? 'delete' : 'put';
    lines.push({ t: 'send', n: ++n, at: at++, client: 0, node: 0, op, key, write: { value, from, deletes } });
    return n;
  };
  const sendRead = (key = 'k'): number => {
    lines.push({ t: 'send', n: ++n, at: at++, client: 0, node: 0, op: 'get', key });
    return n;
  };
  const answer: LogBuilder['answer'] = (number, outcome, values, version) => {
    const code = outcome === 'ok' ? 'ok' : `error_${outcome}`;
    const seen = { ...(values ? { values } : {}), ...(version === undefined ? {} : { version }) };
    lines.push({ t: 'answer', n: number, at: at++, outcome, code, ...seen });
  };
  const write: LogBuilder['write'] = (value, options = {}) => {
    const number = sendWrite(value, options);
    answer(number, options.outcome ?? 'ok', undefined, options.version);
    return number;
  };
  const final = (url: string, key: string, values: readonly string[]): void => {
    lines.push({ t: 'final', url, key, version: `final ${key} ${values.join()}`, values });
  };
  return {
    lines,
    write,
    remove: (value, options = {}) => write(value, { ...options, deletes: true }),
    read: (values, version, key) => {
      const number = sendRead(key);
      answer(number, 'ok', values, version);
      return number;
    },
    sendWrite,
    sendRead,
    answer,
    fault: (inFlight) => lines.push({ t: 'mark', name: 'fault', at: at++, inFlight }),
    finals: (values, other = values, key = 'k') => {
      final('http://a', key, values);
      final('http://b', key, other);
      return lines.length;
    },
    unreadable: (key = 'k') => lines.push({ t: 'unreadable', url: 'http://a', key, code: 'quorum_not_met' }),
  };
}
