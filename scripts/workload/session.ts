import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import { emptyKnowledge, NOTHING, type Knowledge, type Known } from './knowledge.js';
import type { Operation, ValueId, WriteIntent } from './log.js';
import { chooseStep, type Step } from './mix.js';
import type { Answer } from './storageApi.js';

const ATTEMPTS_MAX = 3;
const BACKOFF_MS = 20;
const BACKOFF_MS_MAX = 1000;

/** One request as a client wants it sent; who carries it out also writes the log. */
export interface Request {
  readonly client: number;
  readonly node: number;
  readonly op: Operation;
  readonly key: string;
  readonly fromVersion?: string;
  readonly onConflict?: 'refuse' | 'sibling';
  readonly write?: WriteIntent;
}

export interface Sent {
  readonly n: number;
  readonly answer: Answer;
}

export interface SessionOptions {
  readonly client: number;
  readonly run: string;
  readonly nodes: number;
  readonly firstNode: number;
  readonly random: Random;
  readonly pickKey: () => string;
  readonly send: (request: Request) => Promise<Sent>;
  readonly stopped: AbortSignal;
}

interface Session extends SessionOptions {
  readonly knowledge: Knowledge;
  node: number;
  failures: number;
  sequence: number;
}

/** One client: one request at a time, until `stopped`; a node that fails it is left for the next one. */
export async function runSession(options: SessionOptions): Promise<void> {
  const session: Session = {
    ...options,
    knowledge: emptyKnowledge(),
    node: options.firstNode,
    failures: 0,
    sequence: 0,
  };
  while (!session.stopped.aborted) await takeStep(session, chooseStep(session.random));
}

async function takeStep(session: Session, step: Step): Promise<void> {
  const key = session.pickKey();
  switch (step) {
    case 'read':
      await read(session, key);
      return;
    case 'create':
      await put(session, key, session.knowledge.newest(key) ?? NOTHING);
      return;
    case 'update':
      await update(session, key);
      return;
    case 'chain': {
      const last = session.knowledge.ownLast();
      await (last ? put(session, last.key, last.known) : put(session, key, NOTHING));
      return;
    }
    case 'stale':
      await putOutdated(session, 'refuse');
      return;
    case 'diverge':
      await putOutdated(session, 'sibling');
      return;
    case 'delete': {
      const known = await read(session, key);
      if (known && known.values.length > 0) await remove(session, key, known);
    }
  }
}

async function read(session: Session, key: string): Promise<Known | undefined> {
  const { n, answer } = await attempt(session, { op: 'get', key });
  if (answer.outcome !== 'ok') return undefined;
  const known = { version: answer.version ?? '', from: n, values: answer.values ?? [] };
  session.knowledge.learn(key, known);
  return known;
}

async function update(session: Session, key: string): Promise<void> {
  const known = await read(session, key);
  if (known) await put(session, key, known);
}

async function putOutdated(session: Session, onConflict: 'refuse' | 'sibling'): Promise<void> {
  const outdated = session.knowledge.outdated();
  if (outdated) await put(session, outdated.key, outdated.known, onConflict);
}

/** A write with an unknown outcome is sometimes repeated under the same requestId, also to another node. */
async function put(
  session: Session,
  key: string,
  known: Known,
  onConflict: 'refuse' | 'sibling' = 'refuse',
): Promise<void> {
  const value = nextValue(session);
  const write: WriteIntent = { value, from: known.from, requestId: value };
  const request = { op: 'put', key, fromVersion: known.version, onConflict, write } as const;
  const sent = await attemptRepeatedly(session, request);
  if (sent.answer.outcome === 'ok' && typeof sent.answer.version === 'string') {
    session.knowledge.wrote(key, { version: sent.answer.version, from: sent.n, values: [value] });
  }
}

/** Deletes by DELETE or by a PUT of the empty value; the id only names the delete in the log. */
async function remove(session: Session, key: string, known: Known): Promise<void> {
  const value = nextValue(session);
  const byPut = session.random.fraction() < 0.5;
  const base = { key, fromVersion: known.version };
  const sent = byPut
    ? await attemptRepeatedly(session, { ...base, op: 'put', write: deletion(value, known, value) })
    : await attempt(session, { ...base, op: 'delete', write: deletion(value, known) });
  if (sent.answer.outcome === 'ok' && typeof sent.answer.version === 'string') {
    session.knowledge.wrote(key, { version: sent.answer.version, from: sent.n, values: [] });
  }
}

function deletion(value: ValueId, known: Known, requestId?: string): WriteIntent {
  const write = { value, from: known.from, deletes: true };
  return requestId === undefined ? write : { ...write, requestId };
}

function nextValue(session: Session): ValueId {
  session.sequence++;
  return `${session.run}.${String(session.client)}.${String(session.sequence)}`;
}

type Attempt = Omit<Request, 'client' | 'node'>;

async function attemptRepeatedly(session: Session, request: Attempt): Promise<Sent> {
  for (let left = ATTEMPTS_MAX - 1; ; left--) {
    const sent = await attempt(session, request);
    const giveUp = left === 0 || session.stopped.aborted || session.random.fraction() < 0.3;
    if (sent.answer.outcome !== 'unknown' || giveUp) return sent;
  }
}

async function attempt(session: Session, request: Attempt): Promise<Sent> {
  const sent = await session.send({ ...request, client: session.client, node: session.node });
  if (isFaultOfNode(sent.answer)) await backOff(session, sent.answer.retryAfterMs ?? 0);
  else session.failures = 0;
  return sent;
}

/** A refusal that concerns the request (409, 429, 4xx) is no reason to leave the node. */
function isFaultOfNode(answer: Answer): boolean {
  if (answer.outcome === 'unknown') return true;
  return answer.outcome === 'none' && !['stale_version', 'too_many_siblings'].includes(answer.code);
}

async function backOff(session: Session, retryAfterMs: number): Promise<void> {
  session.node = (session.node + 1) % session.nodes;
  const limitMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** session.failures);
  session.failures = Math.min(session.failures + 1, 10);
  const delayMs = Math.max(
    Math.min(retryAfterMs, BACKOFF_MS_MAX),
    limitMs * (0.5 + session.random.fraction() / 2),
  );
  await sleep(delayMs, undefined, { signal: session.stopped }).catch(() => undefined);
}
