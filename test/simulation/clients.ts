import type { ValueId } from '../../scripts/workload/log.js';
import type { OnConflict } from '../../services/node/core/protocol/messages.js';
import type { Key } from '../../services/node/core/types.js';
import type { Operation, Plan } from './plan.js';
import type { Answer, Request, WriteIntent } from './requests.js';
import { keyOf, valueIdOf } from './values.js';

/** A version that a client got, and the request whose answer gave it. */
interface Known {
  readonly version: string;
  readonly from: number;
  readonly values: readonly ValueId[];
}

const NOTHING: Known = { version: '', from: 0, values: [] };

/** How clients reach the cluster: number, time and judgement of each request are the other side's. */
export interface ClientPort {
  send(request: Omit<Request, 'n' | 'sentAtMs'>, done: (answer: Answer, n: number) => void): void;
  after(ms: number, task: () => void): void;
}

/** The clients of a simulation: they carry out operations and remember the versions that they were given. */
export interface Clients {
  perform(operation: Operation): void;
}

export function createClients(plan: Plan, port: ClientPort): Clients {
  const knowledge = new Map<string, Known[]>();
  const context: Context = {
    plan,
    port,
    knownBy: (operation) => {
      const name = `${String(operation.client)} ${String(operation.key)}`;
      const found = knowledge.get(name) ?? [];
      knowledge.set(name, found);
      return found;
    },
  };
  return {
    perform: (operation) => {
      perform(context, operation);
    },
  };
}

interface Context {
  readonly plan: Plan;
  readonly port: ClientPort;
  /** What the operation's client knows of its key, oldest first. */
  readonly knownBy: (operation: Operation) => Known[];
}

function perform(context: Context, operation: Operation): void {
  const known = context.knownBy(operation);
  switch (operation.kind) {
    case 'read':
      read(context, operation, () => undefined);
      return;
    case 'create':
      put(context, operation, NOTHING);
      return;
    case 'chain':
      put(context, operation, known.at(-1) ?? NOTHING);
      return;
    case 'stale':
      if (known.length > 1) put(context, operation, known[operation.id % (known.length - 1)]!);
      return;
    case 'force':
      force(context, operation);
      return;
    case 'update':
      read(context, operation, (found) => put(context, operation, found)); // prettier-ignore
      return;
    case 'resolve':
      read(context, operation, (found) => {
        if (found.values.length > 1) put(context, operation, found);
      });
      return;
    case 'delete':
      read(context, operation, (found) => {
        if (found.values.length > 0) put(context, operation, found);
      });
  }
}

function read(context: Context, operation: Operation, then: (found: Known) => void): void {
  const { port, plan } = context;
  const { reads, quorum } = plan.clients[operation.client]!;
  const wanted = reads ?? majorityOf(plan);
  const { client, node } = operation;
  port.send({ client, node, key: keyOf(operation.key), wanted, quorum }, (answer, n) => {
    if (answer.outcome !== 'ok') return;
    const found = { version: answer.version ?? '', from: n, values: answer.values ?? [] };
    context.knownBy(operation).push(found);
    then(found);
  });
}

function put(context: Context, operation: Operation, known: Known): void {
  const { writeNode, node } = operation;
  write(context, operation, writeNode ?? node, intentOf(operation, known, ''), () => undefined);
}

/** Knows nothing; told that it should, it takes the version that came with the refusal for what it knows. */
function force(context: Context, operation: Operation): void {
  const { writeNode, node } = operation;
  write(context, operation, node, intentOf(operation, NOTHING, ''), (answer, n) => {
    if (answer.code !== 'stale_version' || typeof answer.version !== 'string') return;
    const told = { version: answer.version, from: n, values: [] };
    write(context, operation, writeNode ?? node, intentOf(operation, told, 'f'), () => undefined);
  });
}

function intentOf(operation: Operation, known: Known, suffix: string): WriteIntent {
  const deletes = operation.kind === 'delete';
  const value = valueIdOf(operation.id, suffix);
  const onConflict: OnConflict = operation.onConflict ?? 'refuse';
  const base = { value, deletes, from: known.from, fromVersion: known.version, onConflict };
  const hasRequestId = operation.hasRequestId === true || deletes;
  return {
    ...base,
    valueBytes: operation.valueBytes ?? 0,
    ...(hasRequestId && { requestId: `r${value}` }),
  };
}

function write(
  context: Context,
  operation: Operation,
  node: number,
  intent: WriteIntent,
  then: (answer: Answer, n: number) => void,
): void {
  const { retry } = operation;
  attempt(context, operation, intent, node, (answer, n) => {
    const again = answer.outcome === 'unknown' || retry?.always === true;
    if (retry && again && intent.requestId !== undefined) {
      context.port.after(retry.afterMs, () => {
        attempt(context, operation, intent, retry.node, () => undefined);
      });
    }
    then(answer, n);
  });
}

function attempt(
  context: Context,
  operation: Operation,
  intent: WriteIntent,
  node: number,
  then: (answer: Answer, n: number) => void,
): void {
  const { plan, port } = context;
  const { writes, quorum } = plan.clients[operation.client]!;
  const wanted = writes ?? majorityOf(plan);
  const key: Key = keyOf(operation.key);
  port.send({ client: operation.client, node, key, wanted, quorum, write: intent }, (answer, n) => {
    if (answer.outcome === 'ok' && typeof answer.version === 'string') {
      const values = intent.deletes ? [] : [intent.value];
      context.knownBy(operation).push({ version: answer.version, from: n, values });
    }
    then(answer, n);
  });
}

/** Of N = min(replicas, nodes), as a client knows it from the documentation. */
function majorityOf({ replicas, nodes }: Plan): number {
  return Math.floor(Math.min(replicas, nodes) / 2) + 1;
}
