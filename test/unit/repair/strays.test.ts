import { describe, expect, it } from '@jest/globals';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { NO_SIZES, type Pending } from '../support/stepCluster.js';
import { damage } from '../support/stepDisk.js';
import { comparing, EVERY_MS, everywhere, keysOf, recordOf, TURN_MS } from './clusterSupport.js';

const [KEY] = keysOf(3, 1) as [Key];
const X = recordOf('x');

/** Five nodes, three of which hold the key; another has it, or what else the test lays there. */
function strayed(options = {}) {
  const cluster = comparing({ nodes: 5, ...options });
  const primaries = cluster.primaries(KEY);
  const [f, g] = cluster.fallbacks(KEY) as [NodeId, NodeId];
  const holders = cluster.ids.filter((id) => primaries.includes(id));
  return { cluster, holders, f, g };
}

const isWrite = (item: Pending): boolean => item.kind === 'message' && item.message.type === 'write';

describe('a record on a node that does not hold its key', () => {
  it.each([0, 1, 3])('is handed to every replica and dropped, where %i of them have it already', (count) => {
    const { cluster, holders, f } = strayed();
    for (const node of [f, ...holders.slice(0, count)]) cluster.lay(node, KEY, X);
    cluster.elapse(EVERY_MS + TURN_MS);
    expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, holders));
    expect(cluster.facts.filter((fact) => fact === 'strayFound')).toHaveLength(1);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
    expect(cluster.disk(f).hints.size).toBe(0);
  });

  it('is not dropped before every one of them has it', () => {
    const { cluster, holders, f } = strayed();
    cluster.lay(f, KEY, X);
    cluster.absent.add(holders[2]!);
    cluster.elapse(EVERY_MS + TURN_MS);
    expect(cluster.holders(KEY).map(([id]) => id)).toContain(f);
    expect(cluster.disk(f).hints.size).toBe(1);
    cluster.restart(holders[2]!);
    cluster.elapse(EVERY_MS + TURN_MS);
    expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, holders));
  });

  it('is left alone where a hint says already whom it is for', () => {
    const { cluster, holders, f } = strayed();
    cluster.lay(f, KEY, X);
    cluster.disk(f).hints.set('owed', { target: holders[0]!, key: KEY, order: 1 });
    cluster.restart(f);
    cluster.elapseBut(EVERY_MS + TURN_MS, isWrite);
    expect([cluster.disk(f).hints.size, cluster.facts.includes('strayFound')]).toEqual([1, false]);
  });

  it('is left alone while it is being written', () => {
    const { cluster, f } = strayed();
    const write = {
      type: 'write',
      request: 1,
      key: KEY,
      since: 1,
      record: X,
      hintFor: cluster.primaries(KEY)[0]!,
    } as const;
    cluster.lay(f, KEY, recordOf('y'));
    cluster.step(f, { type: 'message', from: cluster.primaries(KEY)[1]!, message: write, remainingMs: 1e6 });
    cluster.elapseBut(EVERY_MS + TURN_MS, (item) => item.kind === 'store' && item.node === f);
    expect(cluster.facts).not.toContain('strayFound');
  });

  it('waits where the node keeps as many hints as it may (I14)', () => {
    const { cluster, holders, f } = strayed({ limits: { hintsMax: 4 } });
    const keys = keysOf(3, 6);
    for (const key of keys) cluster.lay(f, key, X);
    let most = 0;
    for (let passed = 0; passed < 8 * EVERY_MS; passed += 20) {
      cluster.elapse(20);
      most = Math.max(most, cluster.disk(f).hints.size);
    }
    expect(most).toBeLessThanOrEqual(4);
    cluster.elapse(8 * EVERY_MS);
    for (const key of keys) expect(cluster.holders(key)).toEqual(everywhere(key, X, holders));
  });

  it('is mended first where it is damaged', () => {
    const { cluster, holders, f } = strayed();
    for (const node of holders) cluster.lay(node, KEY, X);
    damage(cluster.disk(f), KEY);
    cluster.elapse(EVERY_MS + 2 * TURN_MS);
    expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, holders));
    expect([cluster.disk(f).faults.size, cluster.totalSizes()]).toEqual([0, NO_SIZES]);
  });
});
