import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RegisteredNode, StoreReading, SwapResult } from '../../../services/node/core/protocol/store.js';
import type { Actor, NodeId } from '../../../services/node/core/types.js';
import type { Registration, Registry } from '../../../services/node/ports/registry.js';
import { createGate, type Gate } from '../../simulation/gate.js';
import { createSimulatedRegistry, type SimulatedRegistry } from '../../simulation/registry.js';
import { createSchedule, type Schedule } from '../../simulation/schedule.js';

/** The faults of the simulated registry; what it does without them is in test/contract/registry.ts. */

const A = 'a' as NodeId;
const B = 'b' as NodeId;

const REGISTRATION: Registration = {
  ...{
    httpAddress: 'x:1',
    busAddress: 'x:2',
    actor: '00' as Actor,
    zone: '',
    weight: 1,
    epoch: 1,
    tokens: [],
  },
};

interface Opened {
  readonly registry: Registry;
  readonly gate: Gate;
  readonly views: (readonly RegisteredNode[])[];
  changes: number;
}

let schedule: Schedule;
let service: SimulatedRegistry;

beforeEach(() => {
  schedule = createSchedule();
  service = createSimulatedRegistry({ seed: '00000000000000aa', schedule });
});

const pass = (ms: number): Promise<void> => schedule.run(schedule.nowMs + ms);

async function open(self: NodeId): Promise<Opened> {
  const gate = createGate();
  const views: Opened['views'] = [];
  const opened: Opened = {
    gate,
    views,
    changes: 0,
    registry: service.open(self, gate, {
      onChanged: () => {
        opened.changes++;
      },
      onNodes: (nodes) => void views.push(nodes),
    }),
  };
  await pass(100);
  return opened;
}

/** The answer, where it has come after so long. */
async function read({ registry }: Opened, afterMs = 100): Promise<StoreReading | undefined> {
  let answer: StoreReading | undefined;
  registry.read((reading) => (answer = reading));
  await pass(afterMs);
  return answer;
}

async function swap({ registry }: Opened, index: number, text: string, afterMs = 100) {
  let answer: SwapResult | undefined;
  registry.swap(index, text, (result) => (answer = result));
  await pass(afterMs);
  return answer;
}

async function keep(node: Opened, text: string): Promise<number> {
  const reading = await read(node);
  const index = reading?.status === 'read' ? reading.index : -1;
  expect(await swap(node, index, text)).toBe('stored');
  return service.stored!.index;
}

describe('the simulated registry', () => {
  it('fails the calls of nodes that are cut, by their deadline, and of no others', async () => {
    const [a, b] = [await open(A), await open(B)];
    const heal = service.cut([A]);
    expect(await read(a, 1000)).toBeUndefined();
    await pass(1100);
    expect(await read(a, 2100)).toEqual({ status: 'failed' });
    expect(await read(b)).toMatchObject({ status: 'read' });
    heal();
    await pass(3100);
    expect(await read(a)).toMatchObject({ status: 'read' });
  });

  it('cuts overlap, and are taken back one by one; the node is told once it is reached', async () => {
    const a = await open(A);
    const heals = [service.cut(), service.cut([A])];
    await pass(6000);
    expect(a.registry.state().reachable).toBe(false);
    const { changes } = a;
    heals[0]!();
    await pass(4000);
    expect([a.registry.state().reachable, a.changes]).toEqual([false, changes]);
    heals[1]!();
    await pass(4000);
    expect([a.registry.state().reachable, a.changes]).toEqual([true, changes + 1]);
  });

  it('a swap that failed is done, or never, or much later; and then only if the index still holds', async () => {
    const fates = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      schedule = createSchedule();
      service = createSimulatedRegistry({ seed: seed.toString(16).padStart(16, '0'), schedule });
      const a = await open(A);
      const heal = service.cut();
      expect(await swap(a, 0, 'text', 2100)).toBe('failed');
      const soon = service.stored?.text;
      heal();
      await pass(40_000);
      fates.add(soon === 'text' ? 'done' : service.stored?.text === 'text' ? 'later' : 'never');
    }
    expect(fates).toEqual(new Set(['done', 'later', 'never']));
  });

  it('what a process has sent is done though it has ended, and nobody is told', async () => {
    const a = await open(A);
    let answers = 0;
    a.registry.swap(0, 'text', () => answers++);
    a.gate.close();
    await pass(5000);
    expect([service.stored?.text, answers]).toEqual(['text', 0]);
  });

  it('a store that is put back has its older text and index; a swap on that state counts again', async () => {
    const a = await open(A);
    const first = await keep(a, 'one');
    const atMs = schedule.nowMs;
    const second = await keep(a, 'two');
    const { changes } = a;
    service.putBack(atMs);
    await pass(100);
    expect(a.changes).toBe(changes + 1);
    expect(await read(a)).toEqual({ status: 'read', index: first, text: 'one' });
    expect(await keep(a, 'three')).toBeGreaterThan(second);
  });

  it('after a wipe numbers come again, and name nothing that was read before', async () => {
    const [a, b] = [await open(A), await open(B)];
    for (let i = 0; i < 20; i++) await keep(a, `before ${String(i)}`);
    const { index } = service.stored!;
    await read(a);
    service.wipe();
    for (let i = 0; i < 40 && service.stored?.index !== index; i++) await keep(b, `text ${String(i)}`);
    expect(service.stored?.index).toBe(index);
    expect(await swap(a, index, 'late')).toBe('conflict');
  });

  it('keeps a history of all that was stored, by whom and when', async () => {
    const a = await open(A);
    await keep(a, 'one');
    service.wipe();
    await keep(a, 'two');
    service.putBack(0);
    expect(service.history.map(({ text, by }) => [text, by])).toEqual([
      ['one', A],
      [undefined, 'wipe'],
      ['two', A],
      [undefined, 'putBack'],
    ]);
    const times = service.history.map(({ atMs }) => atMs);
    expect([...times].sort((x, y) => x - y)).toEqual(times);
  });

  it('a check fails while its process is stopped or has ended, and its entry stays', async () => {
    const [a, b] = [await open(A), await open(B)];
    a.registry.register(REGISTRATION);
    await pass(2000);
    expect(b.views.at(-1)).toEqual([{ node: A, busAddress: 'x:2', passing: true }]);
    a.gate.freeze();
    await pass(2000);
    expect(b.views.at(-1)).toEqual([{ node: A, busAddress: 'x:2', passing: false }]);
    a.gate.thaw();
    await pass(2000);
    expect(b.views.at(-1)).toMatchObject([{ passing: true }]);
    a.gate.close();
    await pass(2000);
    expect(b.views.at(-1)).toMatchObject([{ node: A, passing: false }]);
  });

  it('flaps, hides nodes from some, and tells what is out of date', async () => {
    const [a, b] = [await open(A), await open(B)];
    a.registry.register(REGISTRATION);
    b.registry.register(REGISTRATION);
    await pass(3000);
    const steady = service.catalog.flap(A);
    const { length } = b.views;
    await pass(10_000);
    expect(b.views.length - length).toBeGreaterThan(5);
    steady();
    await pass(2000);
    const show = service.catalog.hide([A], [B]);
    await pass(100);
    expect(b.views.at(-1)).toMatchObject([{ node: B }]);
    expect(a.views.at(-1)).toHaveLength(2);
    show();
    await pass(100);
    expect(b.views.at(-1)).toHaveLength(2);
    const renew = service.catalog.age([B]);
    a.registry.register({ ...REGISTRATION, busAddress: 'y:2' });
    await pass(100);
    renew();
    await pass(100);
    expect(b.views.at(-1)).toMatchObject([{ busAddress: 'y:2' }, { node: B }]);
  });

  it('gives the same for the same seed', async () => {
    const stories: string[] = [];
    for (let run = 0; run < 2; run++) {
      schedule = createSchedule();
      service = createSimulatedRegistry({ seed: '00000000000000bb', schedule, weather: { lossRate: 0.3 } });
      const [a, b] = [await open(A), await open(B)];
      a.registry.register(REGISTRATION);
      for (let i = 0; i < 10; i++) {
        await read(i % 2 === 0 ? a : b, 2100);
        await swap(i % 3 === 0 ? a : b, service.stored?.index ?? 0, `text ${String(i)}`, 2100);
      }
      stories.push(JSON.stringify([service.history, a.views, b.views, a.changes, b.changes]));
    }
    expect(stories[0]).toBe(stories[1]);
  });
});
