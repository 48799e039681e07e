import { describe, expect, it } from '@jest/globals';
import { differencesOf } from '../../../scripts/chaos/replicas.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import { partitionOf } from '../../../services/node/core/ring/position.js';
import { createRing } from '../../../services/node/core/ring/replicaSets.js';
import type { Actor, NodeId } from '../../../services/node/core/types.js';
import { createHash } from 'node:crypto';

const IDS = ['node1', 'node2', 'node3', 'node4', 'node5'];

const document = foundDocument({
  clusterId: 'c',
  partitions: 8,
  replicas: 3,
  nodes: IDS.map((id, index) => ({
    ...{ id: id as NodeId, actor: `actor ${index}` as Actor, voter: `${index}`.padStart(16, '0') },
    ...{ state: 'complete', busAddress: 'b', httpAddress: 'h', weight: 1, zone: '' },
  })),
});

const KEY = Buffer.from('some key').toString('base64');
const digest = createHash('md5').update('some key').digest();
const set = createRing(document).replicaSet(partitionOf(digest, 8));
const [one, two, three] = set.primaries as [NodeId, NodeId, NodeId];

/** By node, what it holds of the key. */
function held(records: Readonly<Record<string, string>>): Map<string, Map<string, string>> {
  return new Map(
    IDS.map((id) => [id, new Map(records[id] === undefined ? [] : [[KEY, records[id]]])] as const),
  );
}

function differences(records: Readonly<Record<string, string>>): string[] {
  return differencesOf(document, held(records), [KEY]);
}

describe('what all nodes hold, laid beside the document', () => {
  it('is right where exactly the primaries hold the same', () => {
    expect(differences({ [one]: 'v', [two]: 'v', [three]: 'v' })).toEqual([]);
  });

  it('names a copy that lies where it does not belong', () => {
    const all = { [one]: 'v', [two]: 'v', [three]: 'v', [set.fallbacks[0]!]: 'v' };
    expect(differences(all)).toEqual([expect.stringContaining(`a stray copy at ${set.fallbacks[0]!}`)]);
  });

  it('names a primary that lacks the key', () => {
    expect(differences({ [one]: 'v', [three]: 'v' })).toEqual([
      expect.stringMatching(new RegExp(`missing at ${two}$`)),
    ]);
  });

  it('tells of records that differ', () => {
    expect(differences({ [one]: 'v', [two]: 'w', [three]: 'v' })).toEqual([
      expect.stringContaining('2 different records'),
    ]);
  });
});
