import { describe, expect, it } from '@jest/globals';
import type { Message } from '../../../services/node/core/protocol/messages.js';
import type { Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import {
  damageRecord,
  type Directory,
  makeDirectory,
  openDirectory,
  remakeDirectory,
} from '../../simulation/directory.js';
import { createFigures } from '../../simulation/figures.js';
import { simulatedDigests } from '../../simulation/digests.js';
import { createGate } from '../../simulation/gate.js';
import { createNetwork } from '../../simulation/network.js';
import { stream } from '../../simulation/random.js';
import { createSchedule } from '../../simulation/schedule.js';
import { openStorage } from '../../simulation/storage.js';
import { createTrace } from '../../simulation/trace.js';
import { record } from './support/scene.js';

const KEYS = ['k1', 'k2'] as Key[];
const SYNC_MS = 5;

function disk(directory: Directory) {
  const schedule = createSchedule();
  const gate = createGate();
  const state = { failing: false, failedReaches: false, slowMs: 0 };
  const storage = openStorage({
    directory,
    identity: openDirectory(directory, 100),
    disk: state,
    gate,
    schedule,
    md5: (key) => simulatedDigests().md5(key),
    syncMs: () => SYNC_MS,
    readMs: () => 0,
    onDurable: () => undefined,
    onChanged: () => undefined,
    onRefused: () => undefined,
    onTorn: () => undefined,
    onFailed: () => undefined,
  });
  const done: (string | undefined)[] = [];
  const write = (key: Key, stored: VersionedRecord, counter: number) => {
    storage.write({ type: 'record', key, record: stored, counter }, (error) => done.push(error?.message));
  };
  return { schedule, gate, state, storage, done, write };
}

const fresh = () => makeDirectory('n1' as NodeId, true, stream('0', 'disk'));

describe('the simulated disk', () => {
  it('has a write when it says so and not before, with its counter', async () => {
    const directory = fresh();
    const { write, done, schedule, storage } = disk(directory);
    write(KEYS[0]!, record({ a1: 'w1' }), 1);
    await schedule.run(SYNC_MS);
    expect([done, directory.records.size, directory.counter]).toEqual([[], 0, 0]);
    await schedule.run(SYNC_MS + 1);
    expect([done, directory.records.size, directory.counter]).toEqual([[undefined], 1, 1]);
    const found: unknown[] = [];
    storage.read(KEYS[0]!, (result) => found.push(result));
    expect(found).toEqual([{ status: 'found', record: record({ a1: 'w1' }) }]);
  });

  it.each(['kept', 'torn'] as const)('%s: a crash treats the batch under way as a whole', async (batch) => {
    const directory = fresh();
    const { write, done, schedule, storage, gate } = disk(directory);
    for (const [i, key] of KEYS.entries()) write(key, record({ [`a${String(i + 1)}`]: 'w1' }), i + 1);
    await schedule.run(1);
    write('later' as Key, record({ a3: 'w3' }), 3);
    gate.close();
    storage.crash(batch);
    await schedule.run(100);
    expect(done).toEqual([]);
    expect([...directory.records.keys()]).toEqual(batch === 'kept' ? KEYS : []);
    expect(directory.counter).toBe(batch === 'kept' ? 2 : 0);
  });

  it('refuses what waits behind a batch that failed, and all else until it is well again', async () => {
    const directory = fresh();
    const { write, done, schedule, state } = disk(directory);
    state.failing = true;
    write(KEYS[0]!, record({ a1: 'w1' }), 1);
    await schedule.run(1);
    write(KEYS[1]!, record({ a2: 'w2' }), 2);
    await schedule.run(SYNC_MS + 1);
    expect(done).toHaveLength(2);
    write(KEYS[1]!, record({ a3: 'w3' }), 3);
    await schedule.run(SYNC_MS + 2);
    expect(done.every((message) => message !== undefined) && done).toHaveLength(3);
    state.failing = false;
    await schedule.run(2000);
    write(KEYS[1]!, record({ a4: 'w4' }), 4);
    await schedule.run(2100);
    expect(done[3]).toBeUndefined();
    expect([...directory.records.keys()]).toEqual([KEYS[1]]);
  });

  it('finishes a sync while the process is stopped, which hears of it afterwards', async () => {
    const directory = fresh();
    const { write, done, schedule, gate } = disk(directory);
    write(KEYS[0]!, record({ a1: 'w1' }), 1);
    await schedule.run(1);
    gate.freeze();
    await schedule.run(100);
    expect([done, directory.records.size]).toEqual([[], 1]);
    gate.thaw();
    expect(done).toEqual([undefined]);
  });

  it('never serves a damaged record again, whatever is written later', async () => {
    const directory = fresh();
    const { write, schedule, storage } = disk(directory);
    const found: unknown[] = [];
    expect(damageRecord(directory, KEYS[0]!, 0)).toBe(false);
    write(KEYS[0]!, record({ a1: 'w1' }), 1);
    await schedule.run(100);
    expect(damageRecord(directory, KEYS[0]!, 0)).toBe(true);
    storage.read(KEYS[0]!, (result) => found.push(result));
    write(KEYS[0]!, record({ a2: 'w2' }), 2);
    await schedule.run(200);
    storage.read(KEYS[0]!, (result) => found.push(result));
    expect(found).toEqual([{ status: 'damaged' }, { status: 'damaged', record: record({ a2: 'w2' }) }]);
  });

  it('is another actor after it was wiped, incomplete, and in a later incarnation', () => {
    const lost = fresh();
    const before = openDirectory(lost, 100);
    const after = openDirectory(remakeDirectory(lost, 'all', stream('0', 'again')), 160);
    expect(after.actor).not.toBe(before.actor);
    expect([before.complete, after.complete]).toEqual([true, false]);
    expect(after.incarnation).toBeGreaterThan(before.incarnation);
    expect(openDirectory(lost, 0).incarnation).toBe(101);
  });
});

const [N1, N2] = ['n1', 'n2'] as NodeId[] as [NodeId, NodeId];
const PING: Message = { type: 'ping', request: 1, epoch: 1, heights: [] };

function pair(plan: { lossRate?: number; duplicationRate?: number } = {}) {
  const schedule = createSchedule();
  const network = createNetwork({
    seed: '00000000000000cd',
    plan: { delayMs: 1, jitterMs: 1, lossRate: 0, duplicationRate: 0, bounceRate: 1, ...plan },
    schedule,
    trace: createTrace(false),
    figures: createFigures(),
    members: [N1, N2],
  });
  const heard: string[] = [];
  const gates = new Map([N1, N2].map((id) => [id, createGate()]));
  const open = (id: NodeId, address = 'here') => {
    const bus = network.open(id, address, gates.get(id)!, {
      onMessage: (from, message) => heard.push(`${id} got ${message.type} of ${from}`),
      onUnroutable: (to, message) => heard.push(`${id} got back ${message.type} to ${to}`),
    });
    for (const other of [N1, N2]) bus.connect(other, 'here');
    return bus;
  };
  return { schedule, network, heard, gates, open, bus: open(N1), other: open(N2) };
}

describe('the simulated network', () => {
  it('delivers later, never from inside send', async () => {
    const { bus, heard, schedule } = pair();
    bus.send(N2, PING, 100);
    expect(heard).toEqual([]);
    await schedule.run(100);
    expect(heard).toEqual(['n2 got ping of n1']);
  });

  it('brings back what is for a dead process, or for one behind a cut that bounces', async () => {
    const { bus, heard, schedule, gates, network } = pair();
    network.cut(['n1>n2'], true);
    bus.send(N2, PING, 100);
    await schedule.run(100);
    gates.get(N2)!.close();
    bus.send(N2, PING, 100);
    await schedule.run(200);
    expect(heard).toEqual(['n1 got back ping to n2', 'n1 got back ping to n2']);
  });

  it('reaches a node only where it is', async () => {
    const { bus, heard, schedule, open } = pair();
    open(N2, 'there');
    bus.send(N2, PING, 100);
    await schedule.run(100);
    bus.connect(N2, 'there');
    bus.send(N2, PING, 100);
    await schedule.run(200);
    expect(heard).toEqual(['n1 got back ping to n2', 'n2 got ping of n1']);
  });

  it('cuts one way only, without a word, until the cut is taken back', async () => {
    const { bus, other, heard, schedule, network } = pair();
    const heal = network.cut(['n1>n2'], false);
    bus.send(N2, PING, 100);
    other.send(N1, PING, 100);
    await schedule.run(100);
    expect(heard).toEqual(['n1 got ping of n2']);
    heal();
    bus.send(N2, PING, 100);
    await schedule.run(200);
    expect(heard).toHaveLength(2);
  });

  it('holds what is sent through a clog until the clog is gone', async () => {
    const { bus, heard, schedule, network } = pair();
    const heal = network.clog(['n1>n2']);
    for (let i = 0; i < 3; i++) bus.send(N2, PING, 100);
    await schedule.run(1000);
    expect(heard).toEqual([]);
    heal();
    expect(heard).toHaveLength(3);
  });

  it('loses and repeats as often as it is told to', async () => {
    const { bus, heard, schedule } = pair({ lossRate: 0.3, duplicationRate: 0.5 });
    for (let i = 0; i < 2000; i++) bus.send(N2, PING, 100);
    await schedule.run(1000);
    expect(heard.length / 2000).toBeGreaterThan(0.95);
    expect(heard.length / 2000).toBeLessThan(1.15);
  });

  it('loses answers to probes, or holds them back, while it is told to', async () => {
    const { bus, heard, schedule, network } = pair();
    const PONG: Message = { ...PING, type: 'pong' };
    const heals = [network.hush(['n1>n2'], 500), network.hush(['n1>n2'])];
    bus.send(N2, PONG, 100);
    bus.send(N2, PING, 100);
    await schedule.run(1000);
    expect(heard).toEqual(['n2 got ping of n1']);
    heals[1]!();
    bus.send(N2, PONG, 100);
    await schedule.run(1400);
    expect(heard).toHaveLength(1);
    await schedule.run(2000);
    expect(heard[1]).toBe('n2 got pong of n1');
  });

  it('repeats documents much later, and requests never', async () => {
    const { bus, heard, schedule, network } = pair();
    const heal = network.echo({ rate: 0, lateMs: 1000 });
    bus.send(N2, { type: 'document', request: 1, document: '{}' }, 100);
    bus.send(N2, { type: 'fetchDocument', request: 1, epoch: 1 }, 100);
    await schedule.run(2000);
    expect(heard.filter((line) => line.includes('document'))).toHaveLength(2);
    heal();
    bus.send(N2, { type: 'document', request: 1, document: '{}' }, 100);
    await schedule.run(4000);
    expect(heard).toHaveLength(4);
  });

  it('keeps what comes for a stopped process, and forgets what comes for a dead one', async () => {
    const { bus, heard, schedule, gates } = pair();
    gates.get(N2)!.freeze();
    bus.send(N2, PING, 100);
    await schedule.run(100);
    expect(heard).toEqual([]);
    gates.get(N2)!.thaw();
    expect(heard).toEqual(['n2 got ping of n1']);
    bus.send(N2, PING, 100);
    gates.get(N2)!.close();
    await schedule.run(200);
    expect(heard).toHaveLength(1);
  });
});
