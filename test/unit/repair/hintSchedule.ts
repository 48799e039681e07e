import { expect } from '@jest/globals';
import fc from 'fast-check';
import type { Effect, ReadResult } from '../../../services/node/core/protocol/events.js';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { Hints } from '../../../services/node/core/repair/hints.js';
import type { Hint, Key, NodeId } from '../../../services/node/core/types.js';
import { B, C, found, recordOf, TIMEOUT_MS } from './support.js';

/**
 * A keeper of hints with a disk that works in order and can lose its newest changes, two targets, and an order of events
 * drawn at random. A write stands for itself by a number: whoever holds a record of that number or a later one has it.
 */
interface HintAction {
  readonly kind: keyof typeof ACTIONS;
  readonly a: number;
  readonly b: number;
}

/** How often each kind is drawn. */
const ACTIONS = {
  write: 8,
  disk: 16,
  diskFails: 1,
  load: 10,
  loadFails: 1,
  answer: 10,
  refuse: 2,
  unroutable: 2,
  lose: 2,
  time: 8,
  flap: 3,
  restart: 1,
};

export const hintActions: fc.Arbitrary<readonly HintAction[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      ...(Object.keys(ACTIONS) as HintAction['kind'][]).map((kind) => ({
        weight: ACTIONS[kind],
        arbitrary: fc.constant(kind),
      })),
    ),
    a: fc.nat(100),
    b: fc.nat(100),
  }),
  { minLength: 20, maxLength: 120, size: 'max' },
);

/** A change on its way to the disk. */
type Change =
  | { readonly type: 'store'; readonly key: Key; readonly write: number; readonly target: NodeId }
  | { readonly type: 'drop'; readonly key: Key }
  | { readonly type: 'keepHint'; readonly hint: Hint }
  | { readonly type: 'forgetHint'; readonly target: NodeId; readonly key: Key };

interface Loading {
  readonly target: NodeId;
  readonly key: Key;
  readonly result: ReadResult;
}

interface Delivery {
  readonly to: NodeId;
  readonly request: number;
  readonly key: Key;
  readonly write: number;
}

const KEYS = ['x', 'y', 'z'] as Key[];
const TARGETS = [B, C];
const nameOf = (target: NodeId, key: Key): string => `${target} ${key}`;

export function createHintSchedule(hintsMax: number) {
  const disk = { records: new Map<Key, number>(), hints: new Map<string, Hint>() };
  const queue: Change[] = [];
  const loads: Loading[] = [];
  const deliveries: Delivery[] = [];
  const alive = new Set<NodeId>(TARGETS);
  /** The newest write that the keeper has accepted for a target, and the newest that the target has. */
  const [accepted, arrived] = [new Map<string, number>(), new Map<string, number>()];
  let newest = new Map<Key, number>();
  let [monotonicMs, lastWrite, lastNumber, crashes] = [0, 0, 0, 0];
  let outbox = new Outbox();
  let hints = start();

  function start(): Hints {
    outbox = new Outbox();
    newest = new Map(disk.records);
    return new Hints({
      ...{ hintsMax, timeoutMs: TIMEOUT_MS, messageMsMax: 1e9, outbox, kept: [...disk.hints.values()] },
      port: {
        isAlive: (target) => alive.has(target),
        isListed: () => true,
        sinceOf: () => 1,
        nextNumber: () => ++lastNumber,
        handedOver: (key, record) => {
          const isSame = newest.get(key) === record.siblings[0]?.dot.counter;
          const isBeingWritten = queue.some((change) => change.type === 'store' && change.key === key);
          if (isSame && !isBeingWritten && !hints.has(key)) queue.push({ type: 'drop', key });
        },
      },
    });
  }

  function act(action: () => void): void {
    outbox.begin({ monotonicMs, wallMs: 0 });
    action();
    for (const effect of outbox.take()) perform(effect);
  }

  /** A load sees the disk as it is when it is ordered. */
  function perform(effect: Effect): void {
    if (effect.type === 'keepHint' || effect.type === 'forgetHint') queue.push(effect);
    if (effect.type === 'load' && effect.purpose.for === 'hint') {
      const write = disk.records.get(effect.key);
      const result: ReadResult = write === undefined ? { status: 'missing' } : found(recordOf(write));
      loads.push({ target: effect.purpose.target, key: effect.key, result });
    }
    if (effect.type !== 'send' || effect.message.type !== 'write') return;
    const { request, key, record } = effect.message;
    deliveries.push({ to: effect.to, request, key, write: record.siblings[0]!.dot.counter });
  }

  function keep({ key, target, write }: Extract<Change, { type: 'store' }>): void {
    act(() => {
      hints.keepReserved(target, key, (durable) => {
        const name = nameOf(target, key);
        if (durable) accepted.set(name, Math.max(write, accepted.get(name) ?? 0));
      });
    });
  }

  function workDisk(durable: boolean): void {
    const change = queue.shift();
    if (!change) return;
    if (change.type === 'keepHint') {
      const { target, key } = change.hint;
      if (durable) disk.hints.set(nameOf(target, key), change.hint);
      act(() => {
        hints.onStored(target, key, durable);
      });
    } else if (change.type === 'store') {
      if (durable) disk.records.set(change.key, change.write);
      if (durable) keep(change);
    } else if (durable) {
      if (change.type === 'drop') disk.records.delete(change.key);
      else disk.hints.delete(nameOf(change.target, change.key));
    }
  }

  function endLoad(n: number, result?: ReadResult): void {
    const [load] = loads.splice(n % Math.max(1, loads.length), 1);
    if (!load) return;
    act(() => {
      hints.onLoaded(load.target, load.key, result ?? load.result);
    });
  }

  /** The delivery arrives, or not, and its sender is told, or not. */
  function endDelivery(n: number, arrives: boolean, tell?: (request: number) => void): void {
    const [delivery] = deliveries.splice(n % Math.max(1, deliveries.length), 1);
    if (!delivery) return;
    const name = nameOf(delivery.to, delivery.key);
    if (arrives) arrived.set(name, Math.max(delivery.write, arrived.get(name) ?? 0));
    if (!tell) return;
    act(() => {
      tell(delivery.request);
    });
  }

  const answer = (request: number): void => {
    hints.onAnswer(request, 'stored');
  };

  function tick(ms: number): void {
    monotonicMs += ms;
    act(() => {
      hints.tick();
    });
  }

  function write(key: Key, target: NodeId): void {
    act(() => {
      if (!hints.reserve()) return;
      newest.set(key, ++lastWrite);
      queue.push({ type: 'store', key, write: lastWrite, target });
    });
  }

  function flap(target: NodeId): void {
    if (!alive.delete(target)) alive.add(target);
  }

  /** The disk keeps what it had done. */
  function restart(): void {
    crashes++;
    queue.length = 0;
    loads.length = 0;
    hints = start();
  }

  function run({ kind, a, b }: HintAction): void {
    switch (kind) {
      case 'write':
        return write(KEYS[a % KEYS.length]!, TARGETS[b % TARGETS.length]!);
      case 'disk':
        return workDisk(true);
      case 'diskFails':
        if (queue[0]?.type === 'keepHint') workDisk(false);
        return;
      case 'load':
        return endLoad(a);
      case 'loadFails':
        return endLoad(a, { status: b % 2 === 0 ? 'failed' : 'damaged' });
      case 'answer':
        return endDelivery(a, true, answer);
      case 'refuse':
        return endDelivery(a, false, (request) => {
          hints.onAnswer(request, 'refused');
        });
      case 'unroutable':
        return endDelivery(a, false, (request) => {
          hints.onUnroutable(request);
        });
      case 'lose':
        return endDelivery(a, b % 2 === 0);
      case 'time':
        return tick(b % 4 === 0 ? TIMEOUT_MS : 20);
      case 'flap':
        return flap(TARGETS[a % TARGETS.length]!);
      case 'restart':
        return restart();
    }
  }

  /** Whether what was accepted has arrived, or would be found again after a crash at this moment, with its record. */
  function isKept(name: string, write: number): boolean {
    const hint = disk.hints.get(name);
    const kept = hint && disk.records.get(hint.key);
    return (arrived.get(name) ?? 0) >= write || (kept ?? 0) >= write;
  }

  function expectKept(): void {
    expect([...accepted].filter(([name, write]) => !isKept(name, write))).toEqual([]);
    expect(hints.total).toBeLessThanOrEqual(hintsMax);
  }

  return {
    run(action: HintAction): void {
      run(action);
      expectKept();
    },
    /** No more faults: everything is delivered, and nothing remains, but for records whose hints a crash prevented. */
    expectDrained(): void {
      for (const target of TARGETS) alive.add(target);
      for (let rounds = 0; rounds < 20; rounds++) {
        while (queue.length > 0) workDisk(true);
        while (loads.length > 0) endLoad(0);
        while (deliveries.length > 0) endDelivery(0, true, answer);
        tick(5000);
      }
      expectKept();
      expect([hints.total, disk.hints.size, loads.length]).toEqual([0, 0, 0]);
      if (crashes === 0) expect([...disk.records]).toEqual([]);
      expect(hints.isFull).toBe(false);
      for (const [name, write] of accepted) expect(arrived.get(name)).toBeGreaterThanOrEqual(write);
    },
  };
}
