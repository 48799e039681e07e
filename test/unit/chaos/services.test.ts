import { describe, expect, it } from '@jest/globals';
import { whyAnotherRing, whyErrors } from '../../../scripts/chaos/services/run.js';
import type { ClusterDocument } from '../../../services/node/core/types.js';

const DOCUMENT = {
  ...{ epoch: 7, clusterId: 'the cluster', partitions: 2, replicas: 1, nodes: [], tokens: [0, 1] },
  placement: [
    { now: [0], since: 1 },
    { now: [1], since: 1 },
  ],
} as unknown as ClusterDocument;

const errors = (counts: Record<string, number>) =>
  ({ measures: { errors: counts } }) as unknown as Parameters<typeof whyErrors>[0];

describe('what a fault of a service must not do', () => {
  it('takes a ring for the same only where the document is, and its epoch has grown by what is due', () => {
    expect(whyAnotherRing([DOCUMENT], [{ ...DOCUMENT }], 0)).toEqual([]);
    expect(whyAnotherRing([DOCUMENT], [{ ...DOCUMENT, epoch: 1007 }], 1000)).toEqual([]);
    expect(whyAnotherRing([DOCUMENT], [{ ...DOCUMENT, epoch: 1007 }], 0)).toEqual([
      'the epoch of node1 has grown by 1000, 0 wanted',
    ]);
    expect(whyAnotherRing([DOCUMENT], [{ ...DOCUMENT, tokens: [1, 1] }], 0)).toEqual([
      'the document of node1 has changed (I13)',
    ]);
    expect(whyAnotherRing([DOCUMENT], [undefined], 0)).toHaveLength(1);
  });

  it('lets documented errors pass, and those that say "come again" only where the data path is concerned', () => {
    const counts = { stale_version: 3, quorum_not_met: 2, connection_lost: 1 };
    expect(whyErrors(errors(counts), { isUnnoticed: false })).toEqual([]);
    expect(whyErrors(errors(counts), { isUnnoticed: true })).toEqual([
      '2 requests failed with quorum_not_met',
      '1 requests failed with connection_lost',
    ]);
  });

  it('takes nothing for documented that docs/ERRORS.md does not list, a 503 without Retry-After included', () => {
    for (const code of ['status_502', 'client_timeout', 'quorum_not_met_without_retry_after']) {
      expect(whyErrors(errors({ [code]: 1 }), { isUnnoticed: false })).toHaveLength(1);
    }
  });
});
