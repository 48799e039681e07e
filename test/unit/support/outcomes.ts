import type { Ticket } from '../../../services/node/core/protocol/events.js';
import type { GetOutcome, PutOutcome } from '../../../services/node/core/protocol/messages.js';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { isMessage, type StepCluster, textOf } from './stepCluster.js';

/** The one reply to a PUT. */
export function putOutcome(cluster: StepCluster, ticket: Ticket): PutOutcome {
  const [reply, ...more] = cluster.replies(ticket);
  if (reply?.to !== 'put' || more.length > 0) throw new Error(`not one reply: ${describe(cluster, ticket)}`);
  return reply.outcome;
}

/** The one reply to a GET, its values as texts. */
export function getOutcome(cluster: StepCluster, ticket: Ticket): Readable {
  const [reply, ...more] = cluster.replies(ticket);
  if (reply?.to !== 'get' || more.length > 0) throw new Error(`not one reply: ${describe(cluster, ticket)}`);
  const { outcome } = reply;
  return outcome.ok ? { ...outcome, values: outcome.values.map(textOf) } : outcome;
}

type Readable =
  | { readonly ok: true; readonly version: string; readonly values: readonly string[] }
  | Extract<GetOutcome, { ok: false }>;

/** Runs a PUT on a healthy cluster to its end; the version that it gives. */
export function write(
  cluster: StepCluster,
  node: NodeId,
  request: Parameters<StepCluster['put']>[1],
): string {
  const ticket = cluster.put(node, request);
  cluster.runAll();
  const outcome = putOutcome(cluster, ticket);
  if (!outcome.ok) throw new Error(`the write failed: ${outcome.code}`);
  return outcome.version ?? '';
}

/** Runs a GET on a healthy cluster to its end. */
export function read(cluster: StepCluster, node: NodeId, key: Key, minReads?: number): Readable {
  const ticket = cluster.get(node, { key, ...(minReads !== undefined && { minReads }) });
  cluster.runAll();
  return getOutcome(cluster, ticket);
}

/** The texts of the siblings that a node has on its disk. */
export function onDisk(cluster: StepCluster, node: NodeId, key: Key): readonly string[] {
  return (cluster.disk(node).records.get(key)?.siblings ?? []).map(({ value }) => textOf(value));
}

/** What nodes have said of writes that they were sent, as far as it is still under way. */
export function writeAnswers(cluster: StepCluster): readonly string[] {
  return cluster.pending.filter(isMessage('writeReply')).map(({ message }) => {
    if (message.type !== 'writeReply') return '';
    return typeof message.answer === 'string' ? message.answer : message.answer.status;
  });
}

function describe(cluster: StepCluster, ticket: Ticket): string {
  return JSON.stringify(cluster.replies(ticket));
}
