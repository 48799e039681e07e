import { expect } from '@jest/globals';
import type { PutRequest } from '../../../services/node/core/protocol/messages.js';
import { onDisk } from './outcomes.js';
import { bytes, createStepCluster, isLoad, isStore, key, NO_SIZES, type StepCluster } from './stepCluster.js';

/** The key that these PUTs are about. */
export const KEY = key('k');

/** A PUT at the first node, carried on until its record waits for that node's disk. */
export function persisting(request: Pick<Partial<PutRequest>, 'minWrites' | 'requestId'> = {}) {
  const cluster = createStepCluster();
  const [a, b, c] = cluster.ids;
  const ticket = cluster.put(a!, { key: KEY, value: bytes('one'), ...request });
  cluster.runAll(isLoad());
  return { cluster, a: a!, b: b!, c: c!, ticket };
}

/** All hints are delivered, and every node has the write. */
export function expectHandedOver(cluster: StepCluster): void {
  cluster.elapse(200);
  expect(cluster.ids.map((id) => onDisk(cluster, id, KEY))).toEqual(Array(3).fill(['one']));
  expect(cluster.totalSizes()).toEqual(NO_SIZES);
}

export function storesOf(cluster: StepCluster, node: string) {
  return cluster.pending.filter(isStore()).filter((item) => item.node === node);
}
