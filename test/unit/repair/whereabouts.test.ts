import { describe, expect, it } from '@jest/globals';
import type { WhereOutcome } from '../../../services/node/core/protocol/convergence.js';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { mergeRecords } from '../../../services/node/core/versioning/record.js';
import { hashRecord } from '../../../services/node/core/versioning/recordHash.js';
import { isLoad, isMessage, type StepClusterOptions, TIMEOUT_MS } from '../support/stepCluster.js';
import { damage } from '../support/stepDisk.js';
import {
  type Comparing,
  comparing,
  keysOf,
  partitionIndex,
  recordOf,
  tombstoneOf,
  WALL_MS,
} from './clusterSupport.js';

const [KEY] = keysOf(3, 1) as [Key];
const [X, Y] = [recordOf('x'), recordOf('y')];
const XY = mergeRecords(X, Y);

/** Five nodes, three of which hold the key; nobody compares anything. */
function made(options: StepClusterOptions = {}) {
  const cluster = comparing({ nodes: 5, replicas: 3, antiEntropyMs: 1e9, ...options });
  const primaries = cluster.primaries(KEY) as [NodeId, NodeId, NodeId];
  const fallbacks = cluster.fallbacks(KEY) as [NodeId, NodeId];
  return { cluster, primaries, fallbacks };
}

function ask(cluster: Comparing, node: NodeId): () => Extract<WhereOutcome, { ok: true }> {
  const ticket = cluster.where(node, KEY);
  return () => {
    const [reply, ...more] = cluster.replies(ticket);
    expect(more).toEqual([]);
    if (reply?.to !== 'where' || !reply.outcome.ok) throw new Error(JSON.stringify(reply));
    return reply.outcome;
  };
}

const statuses = ({ primaries, fallbacks }: Extract<WhereOutcome, { ok: true }>) => [
  primaries.map(({ status }) => status),
  fallbacks.map(({ status }) => status),
];

describe('where a key lies', () => {
  it.each(['a primary', 'a fallback'] as const)('is told by %s, with what each node holds', (who) => {
    const { cluster, primaries, fallbacks } = made();
    cluster.lay(primaries[0], KEY, XY);
    cluster.lay(primaries[2], KEY, tombstoneOf(WALL_MS));
    cluster.lay(fallbacks[1], KEY, X);
    const outcome = ask(cluster, who === 'a primary' ? primaries[0] : fallbacks[1]);
    cluster.runAll();
    const told = outcome();
    expect(told).toMatchObject({ epoch: 1, partition: partitionIndex(KEY) });
    expect(told.primaries).toMatchObject([
      {
        node: primaries[0],
        status: 'found',
        holding: { hash: hashRecord(KEY, XY), clock: XY.clock, values: 2 },
      },
      { node: primaries[1], status: 'missing' },
      { node: primaries[2], status: 'found', holding: { values: 0 } },
    ]);
    expect(told.fallbacks).toMatchObject([
      { node: fallbacks[0], status: 'missing' },
      { node: fallbacks[1], status: 'found', holding: { hash: hashRecord(KEY, X), values: 1 } },
    ]);
  });

  it('changes nothing anywhere', () => {
    const { cluster, primaries } = made();
    cluster.lay(primaries[0], KEY, X);
    const outcome = ask(cluster, primaries[0]);
    cluster.runAll();
    outcome();
    cluster.elapse(1000);
    expect(cluster.holders(KEY)).toHaveLength(1);
  });

  it('a node that lost its data says that it is incomplete, and is told so of itself (R3)', () => {
    const { cluster, primaries } = made({ incomplete: ['n1', 'n2', 'n3', 'n4', 'n5'] });
    cluster.lay(primaries[1], KEY, X);
    const outcome = ask(cluster, primaries[0]);
    cluster.runAll();
    expect(statuses(outcome())[0]).toEqual(['incomplete', 'incomplete', 'incomplete']);
  });

  it('a damaged record is told from a missing one, here and there', () => {
    const { cluster, primaries } = made();
    for (const node of primaries.slice(0, 2)) damage(cluster.disk(node), KEY);
    const outcome = ask(cluster, primaries[0]);
    cluster.runAll((item) => !(item.kind === 'load' && item.effect.purpose.for === 'cell'));
    expect(statuses(outcome())[0]).toEqual(['damaged', 'damaged', 'missing']);
  });

  it('whoever does not answer is silent at the deadline, this node too; late answers count no more (I11)', () => {
    const { cluster, primaries } = made();
    const outcome = ask(cluster, primaries[0]);
    const isHeld = isMessage('pull', primaries[1]);
    cluster.runAll((item) => !isHeld(item) && !isLoad(primaries[0])(item));
    cluster.elapseBut(TIMEOUT_MS, (item) => isHeld(item) || isLoad(primaries[0])(item));
    expect(statuses(outcome())).toEqual([
      ['silent', 'silent', 'missing'],
      ['missing', 'missing'],
    ]);
    cluster.runAll();
    outcome();
    expect(cluster.totalSizes().liveRequests).toBe(0);
  });

  it('a fallback that is not alive is not waited for', () => {
    const { cluster, primaries, fallbacks } = made();
    cluster.absent.add(fallbacks[0]);
    cluster.elapse(1000);
    const outcome = ask(cluster, primaries[0]);
    cluster.runAll();
    expect(statuses(outcome())[1]).toEqual(['silent', 'missing']);
  });

  it('is asked for so many keys at a time, and refused over that (I14)', () => {
    const { cluster, primaries } = made();
    const tickets = Array.from({ length: 5 }, () => cluster.where(primaries[0], KEY));
    expect(cluster.replies(tickets[4]!)).toMatchObject([{ to: 'where', outcome: { code: 'overloaded' } }]);
    cluster.step(primaries[0], { type: 'stop' });
    for (const ticket of tickets.slice(0, 4)) expect(cluster.replies(ticket)).toHaveLength(1);
    expect(cluster.totalSizes().liveRequests).toBe(0);
  });
});
