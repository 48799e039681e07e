import type { ClusterView, DocumentView } from './cluster.js';
import type { NodeReport } from './reports.js';
import type { RepairView } from './steering.js';
import { count, counted, printable } from './text.js';

/** How far a repair is that was asked for: which nodes have compared with which since. Pure. */

/** `node` has to compare with `peer`, and to pull what it lacks. */
export interface Pair {
  readonly node: string;
  readonly peer: string;
}

/** From which comparison on those of a node count. */
export type Started = Pick<RepairView, 'incarnation' | 'after'>;

export interface Convergence {
  readonly total: number;
  readonly left: readonly Pair[];
  /** In the comparisons that count, and in those under way. */
  readonly keysPulled: number;
  readonly underway: readonly (Pair & { readonly partitionsLeft: number })[];
}

/** Every two nodes that hold a partition together, both ways; with `partition`, those that hold that one. */
export function pairsOf({ nodes, placement }: DocumentView, partition?: number): Pair[] {
  const sets = partition === undefined ? placement : placement.slice(partition, partition + 1);
  const pairs = new Set<string>();
  for (const { now } of sets) {
    for (const a of now) for (const b of now) if (a !== b) pairs.add(`${a} ${b}`);
  }
  return nodes.flatMap(({ id: node }, a) =>
    nodes.flatMap(({ id: peer }, b) => (pairs.has(`${a} ${b}`) ? [{ node, peer }] : [])),
  );
}

export function convergenceOf(
  pairs: readonly Pair[],
  reports: readonly NodeReport[],
  started: ReadonlyMap<string, Started>,
  partition?: number,
): Convergence {
  const views = new Map(reports.flatMap((report) => ('view' in report ? [[report.id, report.view]] : [])));
  const compared = pairs.map((pair) => {
    const [view, begin] = [views.get(pair.node), started.get(pair.node)];
    return { pair, keys: view && begin ? keysPulled(view, begin, pair.peer, partition) : undefined };
  });
  const underway = [...views].flatMap(([node, { antiEntropy }]) =>
    antiEntropy.underway ? [{ node, ...antiEntropy.underway }] : [],
  );
  const keys = [...compared.map((done) => done.keys ?? 0), ...underway.map((one) => one.keysPulled)];
  return {
    total: pairs.length,
    left: compared.filter((done) => done.keys === undefined).map(({ pair }) => pair),
    keysPulled: keys.reduce((sum, more) => sum + more, 0),
    underway: underway.map(({ node, peer, partitionsLeft }) => ({ node, peer, partitionsLeft })),
  };
}

/** In the comparison with the peer that counts; undefined where there was none yet. A comparison of all covers each part. */
function keysPulled(
  { incarnation, antiEntropy }: ClusterView,
  begin: Started,
  peer: string,
  partition: number | undefined,
): number | undefined {
  if (incarnation !== begin.incarnation) return undefined;
  const ofPartition = antiEntropy.lastOfPartition[peer];
  const candidates = [
    antiEntropy.last[peer],
    partition !== undefined && ofPartition?.partition === partition ? ofPartition : undefined,
  ];
  return candidates.find((one) => one !== undefined && one.number > begin.after)?.keysPulled;
}

/** One line for whoever waits. */
export function convergenceLine({ total, left, keysPulled: keys, underway }: Convergence): string {
  const now = underway.map(
    ({ node, peer, partitionsLeft }) =>
      `${printable(node)} with ${printable(peer)} (${counted(partitionsLeft, 'partition')} left)`,
  );
  const head = `${count(total - left.length)} of ${counted(total, 'comparison')}, ${counted(keys, 'key')} pulled`;
  return now.length > 0 ? `${head}; ${now.join(', ')}` : head;
}
