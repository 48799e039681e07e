import { describe, expect, it } from '@jest/globals';
import { Membership } from '../../../services/node/core/membership/membership.js';
import type { Effect } from '../../../services/node/core/protocol/events.js';
import type { NodeHeight } from '../../../services/node/core/protocol/messages.js';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import { clusterNode } from '../support/clusterNode.js';
import type { Actor, Height, NodeId } from '../../../services/node/core/types.js';

const [A, B, C, D, E] = ['n1', 'n2', 'n3', 'n4', 'n5'] as [NodeId, NodeId, NodeId, NodeId, NodeId];
const DIRECTORY = { actor: 'a' as Actor, incarnation: 5, sequence: 40 };

function documentOf(ids: readonly NodeId[]) {
  const actorOf = (id: NodeId) => (id === A ? DIRECTORY.actor : (`actor-${id}` as Actor));
  const nodes = ids.map((id) => clusterNode(id, { actor: actorOf(id) }));
  return foundDocument({ clusterId: 'test', partitions: 8, replicas: 3, nodes });
}

function createMembership(others: readonly NodeId[] = [B, C]) {
  const outbox = new Outbox();
  const calls = { overtaken: 0 };
  let monotonicMs = 1000;
  const membership = new Membership({
    self: A,
    document: documentOf([A, ...others]),
    nodeTimeoutMs: 2000,
    directory: DIRECTORY,
    heights: new Map(),
    outbox,
    onOvertaken: () => {
      calls.overtaken++;
    },
  });

  function act(action: () => void, ms = 0): readonly Effect[] {
    monotonicMs += ms;
    outbox.begin({ monotonicMs, wallMs: 0 });
    action();
    return outbox.take();
  }

  return {
    ...{ membership, calls },
    tick: (sequence = DIRECTORY.sequence, ms = 20) =>
      act(() => {
        membership.tick(sequence);
      }, ms),
    ping: (from: NodeId, heights: readonly NodeHeight[], request = 0) =>
      act(() => {
        membership.onPing(from, heights, request, monotonicMs + 100);
      }),
    pong: (from: NodeId, heights: readonly NodeHeight[]) =>
      act(() => {
        membership.onPong(from, heights);
      }),
  };
}

const about = (node: NodeId, height: Partial<Height> = {}): NodeHeight => {
  const actor = node === A ? DIRECTORY.actor : (`actor-${node}` as Actor);
  return { node, ...DIRECTORY, actor, ...height };
};
const sends = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === 'send' ? [[effect.to, effect.message] as const] : []));

describe('the probes of a node', () => {
  it('go to every other one, and say how far its directory has come', () => {
    const { tick } = createMembership();
    const ping = { type: 'ping', request: 0, epoch: 1, heights: [about(A, { sequence: 43 })] };
    expect(sends(tick(43))).toEqual([
      [B, ping],
      [C, ping],
    ]);
    expect(sends(tick(44))).toEqual([]);
    expect(sends(tick(44, 200))).toHaveLength(2);
  });

  it('are answered under their number, with what is known of the one that asks', () => {
    const { ping } = createMembership();
    const own = about(B);
    expect(sends(ping(B, [own], 7))).toEqual([
      [B, { type: 'pong', request: 7, epoch: 1, heights: [about(A), own] }],
    ]);
  });

  it('keep what they have learnt, at most once a second', () => {
    const { tick, ping } = createMembership();
    const kept = (effects: readonly Effect[]) => effects.filter(({ type }) => type === 'keepHeights').length;
    tick();
    const learn = (sequence: number) => ping(B, [about(B, { sequence })]);
    learn(1);
    expect(kept(tick())).toBe(0);
    learn(2);
    expect(kept(tick(40, 1000))).toBe(1);
    expect(kept(tick(40, 1000))).toBe(0);
  });

  it('look now and then for a node that does not answer where the document lists it, whatever was said since (I13)', () => {
    const { tick, pong } = createMembership();
    const connects = (effects: readonly Effect[]) =>
      effects.flatMap((effect) => (effect.type === 'connect' ? [effect.node] : []));
    tick();
    const found = Array.from({ length: 300 }, () => {
      pong(B, []);
      return connects(tick(DIRECTORY.sequence, 20));
    });
    expect(found.flat()).toEqual([C, C, C]);
  });

  it('take in nothing of nodes that are not in the document (I14)', () => {
    const { ping } = createMembership();
    const strangers = Array.from({ length: 100 }, (_, i) => about(`stranger${i}` as NodeId));
    const [[, message] = []] = sends(ping(B, strangers));
    expect(message).toMatchObject({ heights: [about(A)] });
  });
});

describe('who vouches for a life of a node (R12)', () => {
  it.each<[string, readonly NodeId[], readonly NodeId[], readonly boolean[]]>([
    ['nobody has answered', [B, C], [], [false, false]],
    ['one of two has answered', [B, C], [B], [true, false]],
    ['both have answered', [B, C], [B, C], [true, true]],
    ['one has answered twice', [B, C, D, E], [B, B], [false, false]],
    ['two of four have answered', [B, C, D, E], [B, C], [true, false]],
    ['one of three has answered, which is half', [B, C, D], [B], [false, false]],
    ['it is alone', [], [], [true, true]],
    ['a stranger has answered', [B, C], [D], [false, false]],
  ])('where %s', (_, others, answering, expected) => {
    const { membership, pong } = createMembership(others);
    for (const node of answering) pong(node, [about(A)]);
    expect([membership.majorityAnswered, membership.allAnswered]).toEqual(expected);
  });

  it.each<[string, readonly NodeHeight[]]>([
    ['nothing of it', []],
    ['only its last life: the ping was sent by that', [about(A, { incarnation: 4, sequence: 39 })]],
    ['only others', [about(B), about(C)]],
  ])('not one who knows %s', (_, heights) => {
    const { membership, pong, calls } = createMembership();
    pong(B, heights);
    expect([membership.majorityAnswered, calls.overtaken]).toEqual([false, 0]);
  });

  it('and not one who only asks', () => {
    const { membership, ping } = createMembership();
    ping(B, [about(A)]);
    expect(membership.majorityAnswered).toBe(false);
  });
});

describe('a node that is told of a later state of its directory (R12)', () => {
  const later = about(A, { incarnation: 4, sequence: 99 });

  it.each(['ping', 'pong'] as const)('hears of it by any %s, as often as it is told', (type) => {
    const fixture = createMembership();
    fixture[type](B, [about(B), later]);
    fixture[type](B, [later]);
    expect(fixture.calls.overtaken).toBe(2);
  });

  it('hears nothing new in what it has told itself', () => {
    const { tick, pong, calls } = createMembership();
    tick(43);
    pong(B, [about(A, { sequence: 43 }), about(A, { sequence: 41 })]);
    expect(calls.overtaken).toBe(0);
  });

  it('goes on under its new actor in what it tells', () => {
    const { membership, tick } = createMembership();
    membership.renounced('spare' as Actor);
    const [[, message] = []] = sends(tick());
    expect(message).toMatchObject({ heights: [about(A, { actor: 'spare' as Actor })] });
  });
});

describe('suspects', () => {
  it('are those who do not answer, until they do', () => {
    const { membership, tick } = createMembership();
    const answer = (node: NodeId) => {
      membership.answered(node);
    };
    for (let ticks = 0; ticks < 30; ticks++) {
      tick();
      answer(B);
    }
    expect([...membership.suspects]).toEqual([C]);
    expect([membership.isAlive(B), membership.isAlive(C)]).toEqual([true, false]);
    answer(C);
    tick();
    expect([...membership.suspects]).toEqual([]);
  });

  it('are known at once where a probe comes back', () => {
    const { membership, tick } = createMembership();
    tick();
    membership.onAbsent(C);
    tick();
    expect([...membership.suspects]).toEqual([C]);
  });
});
