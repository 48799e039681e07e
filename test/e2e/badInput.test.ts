import { describe, expect, it } from '@jest/globals';
import { waitForLinks } from '../../scripts/support/nodes.js';
import { runBadInput } from '../http/support/badInput.js';
import { supervised, useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;

describe('bad input of every kind, sent to a real node', () => {
  it(
    'is answered as documented each time, and the next request is served',
    async () => {
      const cluster = supervised(stage);
      await cluster.ready;
      await waitForLinks(cluster.urls);
      const pids = ['node1', 'node2', 'node3'].map((node) => cluster.pidOf(node));
      const results = await runBadInput(cluster.urls[0]!);
      expect(results.length).toBeGreaterThan(50);
      expect(results.filter((result) => result.faults.length > 0)).toEqual([]);
      expect(['node1', 'node2', 'node3'].map((node) => cluster.pidOf(node))).toEqual(pids);
    },
    TIMEOUT_MS,
  );
});
