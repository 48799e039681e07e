import { describe, expect, it } from '@jest/globals';
import type { Effect, NodeEvent, NodeSizes } from '../../../services/node/core/protocol/events.js';
import type { ForwardAnswer, PutRequest } from '../../../services/node/core/protocol/messages.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { checkCompleteness, checkDurability, checkPunctuality } from '../../simulation/checkers/answers.js';
import { createMintChecker } from '../../simulation/checkers/mints.js';
import { createWireChecker } from '../../simulation/checkers/wire.js';
import { encodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import type { Machine } from '../../simulation/machine.js';
import { clock, handMadeScene, intent, KEY, NODES, record } from './support/scene.js';

const [N1, N2, N3] = NODES as [NodeId, NodeId, NodeId];
const EMPTY: NodeSizes = {
  ...{ liveRequests: 0, liveBytes: 0, settling: 0, cells: 0 },
  ...{ hints: 0, repairs: 0, damagedKeys: 0 },
};
const LIMITS = {
  requestsMax: 2,
  requestBytesMax: 1000,
  cellBytesMax: 1000,
  settlingMax: 2,
  hintsMax: 2,
  repairsMax: 2,
  clockEntriesMax: 10,
};
const TICK: NodeEvent = { type: 'tick', sequence: 1 };
const PUT: PutRequest = {
  key: KEY,
  value: new Uint8Array([1]),
  fromVersion: '',
  quorum: 'strict',
  onConflict: 'refuse',
};

function wire() {
  const made = handMadeScene();
  const checker = createWireChecker(made.scene, made.dots, LIMITS);
  const directory = made.directories.get(N1)![0]!;
  const step = (event: NodeEvent, effects: readonly Effect[], sizes = EMPTY) => {
    checker.stepped({ node: N1, directory, event, effects, sizes });
    return made.broken();
  };
  return { ...made, step };
}

const forwardTo = (to: NodeId): Effect => ({
  type: 'send',
  to,
  message: { type: 'forward', request: 7, put: PUT },
  remainingMs: 100,
  bulk: false,
});

const forwardReply = (from: NodeId, answer: ForwardAnswer): NodeEvent => ({
  type: 'message',
  from,
  message: { type: 'forwardReply', request: 7, answer },
  remainingMs: 100,
});

describe('the judge of what nodes send', () => {
  const write: Effect = {
    type: 'send',
    to: N2,
    message: { type: 'write', request: 1, key: KEY, since: 1, record: record({ a1: 'w1' }) },
    remainingMs: 100,
    bulk: false,
  };

  it('finds a record that is sent before it is durable where it was minted (R1)', () => {
    expect(wire().step(TICK, [write])).toEqual(['R1']);
    const durable = wire();
    durable.directories.get(N1)![0]!.witnessed.set(KEY, clock('a1'));
    expect(durable.step(TICK, [write])).toEqual([]);
  });

  it('finds a dot that names two writes (I4)', () => {
    const { dots, broken } = handMadeScene();
    dots.note(KEY, record({ a1: 'w1' }), () => 'here');
    dots.note(KEY, record({ a1: 'w1' }), () => 'there');
    expect(broken()).toEqual([]);
    dots.note(KEY, record({ a1: 'w2' }), () => 'there');
    expect(broken()).toEqual(['I4']);
  });

  it('finds a request that one node minted twice, and allows it of two', () => {
    const mark = (dot: string) => ({ requestId: 'r', dot: clock(dot)[0]!, timestamp: 1 });
    const { dots, broken } = handMadeScene();
    dots.note(KEY, { ...record({ a1: 'w1' }), marks: [mark('a1'), mark('b1')] }, () => 'here');
    expect(broken()).toEqual([]);
    dots.note(KEY, { ...record({ a1: 'w1' }), marks: [mark('a1'), mark('a2')] }, () => 'here');
    expect(broken()).toEqual(['requestId']);
  });

  it('finds a forward that goes to a second node after silence (R6)', () => {
    const { step } = wire();
    step(TICK, [forwardTo(N2)]);
    expect(step(TICK, [forwardTo(N3)])).toEqual(['R6']);
  });

  it('finds a forward that goes on after somebody else declined (R6)', () => {
    const { step } = wire();
    step(TICK, [forwardTo(N2)]);
    expect(step(forwardReply(N3, { status: 'declined' }), [forwardTo(N3)])).toEqual(['R6']);
  });

  it('lets a forward go on after a refusal and after unroutable', () => {
    const { step } = wire();
    step(TICK, [forwardTo(N2)]);
    step(forwardReply(N2, { status: 'declined' }), [forwardTo(N3)]);
    const message = { type: 'forward', request: 7, put: PUT } as const;
    expect(step({ type: 'unroutable', to: N3, message }, [forwardTo(N2)])).toEqual([]);
  });

  it('finds a second reply to one request (I11)', () => {
    const reply: Effect = { type: 'reply', ticket: 3, reply: { to: 'probe', reachable: true } };
    const { step } = wire();
    expect(step(TICK, [reply])).toEqual([]);
    expect(step(TICK, [reply])).toEqual(['I11']);
  });

  it('finds a node over its bounds (I14)', () => {
    expect(wire().step(TICK, [], { ...EMPTY, liveRequests: 2, settling: 2 })).toEqual([]);
    expect(wire().step(TICK, [], { ...EMPTY, liveRequests: 3 })).toEqual(['I14']);
    expect(wire().step(TICK, [], { ...EMPTY, liveBytes: 1001 })).toEqual(['I14']);
    expect(wire().step(TICK, [], { ...EMPTY, settling: 3 })).toEqual(['I14']);
  });
});

describe('the judge of mints', () => {
  const store = (stored: ReturnType<typeof record>): Effect => ({
    type: 'store',
    store: 1,
    key: KEY,
    record: stored,
    counter: 2,
  });
  const minted = (fromVersion: string, stored: ReturnType<typeof record>, rest = {}) => {
    const { scene, dots, broken, directories } = handMadeScene();
    const directory = directories.get(N1)![0]!;
    directory.records.set(KEY, encodeRecord({ clock: clock('a1 b1'), siblings: [], marks: [] }));
    const intents = new Map([['w2', intent('w2', { fromVersion, ...rest })]]);
    const effects = [store(stored)];
    createMintChecker(scene, dots, intents).stepped({
      node: N1,
      directory,
      event: TICK,
      effects,
      sizes: EMPTY,
    });
    return broken();
  };

  it('finds a write that is accepted although the durable record here is newer (I5)', () => {
    expect(minted('a1', record({ a2: 'w2', b1: 'w1' }, 'a2 b1'))).toEqual(['I5']);
    expect(minted('a1', record({ a2: 'w2' }))).toEqual([]);
  });

  it('accepts a write that knows all, a sibling that was asked for, and nothing known over a tombstone', () => {
    expect(minted('a1 b1', record({ a2: 'w2' }, 'a2 b1'))).toEqual([]);
    const sibling = { onConflict: 'sibling' };
    expect(minted('a1', record({ a2: 'w2', b1: 'w1' }, 'a2 b1'), sibling)).toEqual([]);
    expect(minted('', record({ a2: 'w2' }, 'a2 b1'))).toEqual([]);
  });
});

describe('the judge of answers', () => {
  const ok = { outcome: 'ok', code: 'ok', version: 'a1' } as const;

  it('finds a success with too few durable copies, one directory counting once (I1)', () => {
    const { scene, dots, broken, directories, send } = handMadeScene();
    const request = send({ write: intent('w1') });
    const hold = (node: NodeId) => directories.get(node)![0]!.witnessed.set(KEY, clock('a1'));
    hold(N1);
    checkDurability(scene, dots, request, ok);
    expect(broken()).toEqual(['I1']);
    const enough = handMadeScene();
    for (const node of [N1, N2]) enough.directories.get(node)![0]!.witnessed.set(KEY, clock('a1'));
    checkDurability(enough.scene, enough.dots, request, ok);
    expect(enough.broken()).toEqual([]);
  });

  it('does not count the copy of an incomplete directory (I1)', () => {
    const { scene, dots, broken, directories, send } = handMadeScene();
    const request = send({ write: intent('w1') });
    const [known] = directories.get(N2)!;
    directories.set(N2, [{ ...known!, complete: false }]);
    for (const node of [N1, N2]) directories.get(node)![0]!.witnessed.set(KEY, clock('a1'));
    checkDurability(scene, dots, request, ok);
    expect(broken()).toEqual(['I1']);
  });

  it('finds a read that succeeds with too few complete replicas (R3)', () => {
    const { scene, broken, directories, send } = handMadeScene();
    const request = send({ wanted: 3 });
    checkCompleteness(scene, request, { ...ok, values: [] });
    expect(broken()).toEqual([]);
    directories.set(N2, [{ ...directories.get(N2)![0]!, complete: false }]);
    checkCompleteness(scene, request, { ...ok, values: [] });
    expect(broken()).toEqual(['R3']);
  });

  it('finds an answer after the deadline, unless its process was stopped meanwhile (I11)', () => {
    const { scene, broken, time, send } = handMadeScene();
    const request = send({});
    const machine = (pausedUntilMs: number) => ({ id: N1, pausedUntilMs }) as Machine;
    time.nowMs += 1020;
    checkPunctuality(scene, machine(-1), request, ok, 1000);
    time.nowMs += 500;
    checkPunctuality(scene, machine(1200), request, ok, 1000);
    expect(broken()).toEqual([]);
    checkPunctuality(scene, machine(-1), request, ok, 1000);
    expect(broken()).toEqual(['I11']);
  });
});
