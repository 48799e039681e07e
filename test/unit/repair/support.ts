import type { Effect, Fact, ReadResult } from '../../../services/node/core/protocol/events.js';
import type { RequestNumber, WriteAnswer } from '../../../services/node/core/protocol/messages.js';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { Hints } from '../../../services/node/core/repair/hints.js';
import type { Actor, Hint, Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';

export const [B, C] = ['n2', 'n3'] as [NodeId, NodeId];
export const TIMEOUT_MS = 3000;

export function recordOf(counter: number, size = 1): VersionedRecord {
  const dot = { actor: 'a' as Actor, counter };
  return { clock: [{ ...dot, timestamp: 1 }], siblings: [{ dot, value: new Uint8Array(size) }], marks: [] };
}

export const found = (record: VersionedRecord): ReadResult => ({ status: 'found', record });

/** A delivery that is on its way. */
interface Sent {
  readonly to: NodeId;
  readonly request: RequestNumber;
  readonly key: Key;
  readonly bulk: boolean;
}

type Load = Extract<Effect, { type: 'load' }>;

/** The hints of one node on a clock that the test moves; what they want done is sorted into lists. */
export function createHints(options: { readonly hintsMax?: number; readonly kept?: readonly Hint[] } = {}) {
  const outbox = new Outbox();
  const alive = new Set<NodeId>([B, C]);
  const loads: Load[] = [];
  const sent: Sent[] = [];
  const storing: Hint[] = [];
  const facts: Fact[] = [];
  const forgotten: string[] = [];
  const handedOver: { readonly key: Key; readonly record: VersionedRecord }[] = [];
  let monotonicMs = 10_000;
  let lastNumber = 0;
  const hints = new Hints({
    hintsMax: options.hintsMax ?? 1000,
    timeoutMs: TIMEOUT_MS,
    messageMsMax: 1e9,
    kept: options.kept ?? [],
    outbox,
    port: {
      isAlive: (target) => alive.has(target),
      isListed: () => true,
      sinceOf: () => 1,
      nextNumber: () => ++lastNumber,
      handedOver: (key, record) => void handedOver.push({ key, record }),
    },
  });

  function sort(effect: Effect): void {
    if (effect.type === 'load') loads.push(effect);
    if (effect.type === 'keepHint') storing.push(effect.hint);
    if (effect.type === 'forgetHint') forgotten.push(`${effect.target} ${effect.key}`);
    if (effect.type === 'observe') facts.push(effect.fact);
    if (effect.type !== 'send' || effect.message.type !== 'write') return;
    const { request, key } = effect.message;
    sent.push({ to: effect.to, request, key, bulk: effect.bulk });
  }

  function act(action: () => void): void {
    outbox.begin({ monotonicMs, wallMs: 0 });
    action();
    outbox.take().forEach(sort);
  }

  function keep(target: NodeId, key: string, done?: (durable: boolean) => void): void {
    act(() => {
      hints.keep(target, key as Key, done);
    });
  }

  function stored(durable = true): void {
    for (const { target, key } of storing.splice(0)) {
      act(() => {
        hints.onStored(target, key, durable);
      });
    }
  }

  return {
    ...{ hints, alive, loads, sent, storing, facts, forgotten, handedOver, act, keep, stored },
    /** Keeps hints for one target, and has them stored. */
    keepAll(target: NodeId, keys: readonly string[]): void {
      for (const key of keys) keep(target, key);
      stored();
    },
    tick(ms = 20): void {
      monotonicMs += ms;
      act(() => {
        hints.tick();
      });
    },
    /** Every load that waits ends so. */
    loaded(result: ReadResult | ((key: Key) => ReadResult) = found(recordOf(1))): void {
      for (const { key, purpose } of loads.splice(0)) {
        if (purpose.for !== 'hint') throw new Error('not a load of a hint');
        const { target } = purpose;
        act(() => {
          hints.onLoaded(target, key, typeof result === 'function' ? result(key) : result);
        });
      }
    },
    /** Every delivery under way is answered so. */
    answered(answer: WriteAnswer = 'stored'): void {
      for (const { request } of sent.splice(0)) {
        act(() => {
          hints.onAnswer(request, answer);
        });
      }
    },
    unroutable(): void {
      for (const { request } of sent.splice(0)) {
        act(() => {
          hints.onUnroutable(request);
        });
      }
    },
    takeKeys: () => loads.map(({ key }) => key as string),
  };
}

export type HintFixture = ReturnType<typeof createHints>;
