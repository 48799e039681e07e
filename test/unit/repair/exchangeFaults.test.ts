import { describe, expect, it } from '@jest/globals';
import type { Effect } from '../../../services/node/core/protocol/events.js';
import type { Message } from '../../../services/node/core/protocol/messages.js';
import { leafOf } from '../../../services/node/core/ring/position.js';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { isMessage, NO_SIZES, type Pending, TIMEOUT_MS } from '../support/stepCluster.js';
import {
  comparing,
  type Comparing,
  EVERY_MS,
  everywhere,
  isFrom,
  keysOf,
  placeOf,
  recordOf,
  TURN_MS,
} from './clusterSupport.js';

const [KEY] = keysOf(3, 1) as [Key];
const X = recordOf('x');

/** Two nodes that hold everything, the first of which lacks these keys. */
function lacking(keys: readonly Key[]) {
  const cluster = comparing({ nodes: 2, replicas: 2 });
  const [a, b] = cluster.ids as [NodeId, NodeId];
  for (const key of keys) cluster.lay(b, key, X);
  return { cluster, a, b };
}

/** Until the first question of this kind; `second`: the one after that. */
function comeTo(cluster: Comparing, from: NodeId, type: Message['type'], second = false): Pending {
  const first = cluster.until(isFrom(from, type))!;
  if (!second) return first;
  cluster.run(first);
  return cluster.until(isFrom(from, type))!;
}

const PHASES: readonly (readonly [string, Message['type'], boolean])[] = [
  ['the comparison of roots', 'compare', false],
  ['the first look at the leaves', 'leaves', false],
  ['the second look at the leaves', 'leaves', true],
  ['the list', 'list', false],
  ['the pull', 'pull', false],
];

describe.each(PHASES)('a peer that vanishes at %s', (_, type, second) => {
  it.each(['is silent', 'is gone', 'crashes', 'has lost one message'])(
    'ends that comparison, and the next one repairs: it %s',
    (how) => {
      const { cluster, a, b } = lacking([KEY]);
      const question = comeTo(cluster, a, type, second);
      cluster.facts.length = 0;
      if (how === 'is silent') cluster.silent.add(b);
      if (how === 'is gone') cluster.absent.add(b);
      if (how === 'crashes') cluster.restart(b);
      if (how === 'has lost one message') cluster.drop((item) => item === question);
      cluster.elapse(TIMEOUT_MS + 1000);
      const found = [cluster.facts.includes('exchangeFailed'), cluster.holders(KEY).length];
      // A crash that is over at once may go unnoticed.
      if (how !== 'crashes') expect(found).toEqual([true, how === 'has lost one message' ? found[1] : 1]);

      cluster.silent.delete(b);
      if (how === 'is gone') cluster.restart(b);
      cluster.elapse(EVERY_MS + 3 * TURN_MS);
      expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, [a, b]));
      expect(cluster.totalSizes()).toEqual(NO_SIZES);
    },
  );
});

describe('a disk that refuses what was pulled', () => {
  it('has it pulled again in the next turn', () => {
    const { cluster, a, b } = lacking([KEY]);
    const store = cluster.until((item) => item.kind === 'store' && item.node === a)!;
    if (store.kind === 'store') cluster.failStore(store);
    cluster.elapse(500);
    expect([cluster.holders(KEY).length, cluster.facts.includes('exchangeFailed')]).toEqual([1, true]);
    cluster.elapse(EVERY_MS + TURN_MS);
    expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, [a, b]));
  });

  it('is not given all there is to refuse', () => {
    const { cluster, a } = lacking(keysOf(3, 500));
    const isStore = (item: Pending) => item.kind === 'store' && item.node === a;
    for (let passed = 0; passed < 3000; passed += 20) {
      cluster.elapseBut(20, isStore);
      for (const item of [...cluster.pending].filter(isStore))
        if (item.kind === 'store') cluster.failStore(item);
    }
    const asked = cluster.sent.filter(({ message }) => message.type === 'pull').length;
    expect([cluster.facts.includes('exchangeFailed'), asked > 16, asked < 400]).toEqual([true, true, true]);
  });
});

describe('messages that come twice', () => {
  it('change nothing', () => {
    const { cluster, a, b } = lacking(keysOf(3, 20));
    for (let passed = 0; passed < EVERY_MS + TURN_MS; passed += 20) {
      cluster.elapseBut(20, () => true);
      for (let n = 0; n < 200 && cluster.pending.length > 0; n++) {
        const [item] = cluster.pending as [Pending];
        cluster.run(item);
        if (item.kind === 'message') cluster.run(item);
      }
    }
    for (const key of keysOf(3, 20)) expect(cluster.holders(key)).toEqual(everywhere(key, X, [a, b]));
    expect(cluster.facts.filter((fact) => fact === 'keyPulled')).toHaveLength(20);
  });
});

const QUESTIONS: readonly Message['type'][] = ['compare', 'leaves', 'list', 'pull'];

describe('the bounds of a comparison (I14)', () => {
  it('a node has one at a time, with one other', () => {
    const peers = new Map<NodeId, NodeId>();
    const met = new Set<string>();
    let wrong = 0;
    const onEffect = (node: NodeId, effect: Effect): void => {
      if (effect.type === 'observe' && effect.fact.startsWith('exchange')) peers.delete(node);
      if (effect.type !== 'send' || !QUESTIONS.includes(effect.message.type)) return;
      const peer = peers.get(node) ?? effect.to;
      if (peer !== effect.to) wrong += 1;
      peers.set(node, effect.to);
      met.add(`${node}>${effect.to}`);
    };
    const cluster = comparing({ nodes: 5, onEffect });
    for (let partition = 0; partition < 8; partition++) {
      for (const key of keysOf(partition, 4)) cluster.lay(cluster.primaries(key)[0]!, key, X);
    }
    cluster.elapse(EVERY_MS + 3 * TURN_MS);
    expect(wrong).toBe(0);
    expect(met.size).toBeGreaterThanOrEqual(5 * 2);
  });

  const waiting = (cluster: Comparing, type: Message['type'], to: NodeId) =>
    cluster.pending.filter(isMessage(type, to)).length;

  it('asks for a few tables of leaves and a few lists at a time', () => {
    const { cluster, a, b } = lacking(
      Array.from({ length: 8 }, (_, partition) => keysOf(partition, 30)).flat(),
    );
    comeTo(cluster, a, 'leaves');
    cluster.elapseBut(100, isFrom(a, 'leaves'));
    expect(waiting(cluster, 'leaves', b)).toBe(8);
    comeTo(cluster, a, 'list');
    cluster.elapseBut(100, isFrom(a, 'list'));
    expect(waiting(cluster, 'list', b)).toBe(4);
  });

  it('has so many bytes on their way here', () => {
    const keys = keysOf(3, 10, (key) => leafOf(placeOf(key), 8) === 7);
    const large = lacking([]);
    const megabyte = recordOf('large', { value: 'v'.repeat(1024 * 1024) });
    for (const key of keys) large.cluster.lay(large.b, key, megabyte);
    comeTo(large.cluster, large.a, 'pull');
    large.cluster.elapseBut(500, isFrom(large.a, 'pull'));
    expect(waiting(large.cluster, 'pull', large.b)).toBe(7);
    large.cluster.elapse(EVERY_MS + TURN_MS);
    expect(keys.filter((key) => large.cluster.holders(key).length < 2)).toEqual([]);
  });
});
