import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RegisteredNode, StoreReading, SwapResult } from '../../services/node/core/protocol/store.js';
import type { Actor, NodeId } from '../../services/node/core/types.js';
import {
  type Registration,
  type Registry,
  type RegistryHandlers,
  STORE_BYTES_MAX,
} from '../../services/node/ports/registry.js';

/** One registry that nodes share; empty at the start. */
export interface RegistryHarness {
  open(self: NodeId, handlers: RegistryHandlers): Promise<Registry>;
  /** Where something answers that a node lives. */
  readonly httpAddress: string;
  /** From now on it answers nobody. */
  hang(): void;
  resume(): void;
  /** It has forgotten everything. */
  wipe(): Promise<void>;
  /** Waits for a condition that must come true. */
  eventually(description: string, condition: () => boolean): Promise<void>;
  /** Lets time pass until it settles. */
  settled<T>(promise: Promise<T>): Promise<T>;
  dispose(): Promise<void>;
}

const A = 'a' as NodeId;
const B = 'b' as NodeId;

/** Handlers that keep what they are called with. */
interface Seen extends RegistryHandlers {
  changes: number;
  views: (readonly RegisteredNode[])[];
}

function createSeen(): Seen {
  const seen: Seen = {
    changes: 0,
    views: [],
    onChanged: () => {
      seen.changes++;
    },
    onNodes: (nodes) => void seen.views.push(nodes),
  };
  return seen;
}

interface Opened {
  readonly registry: Registry;
  readonly seen: Seen;
}

/** What every implementation of ports/registry.ts must do. */
export function describeRegistry(name: string, create: () => Promise<RegistryHarness>): void {
  jest.setTimeout(60_000);
  describe(`registry contract: ${name}`, () => {
    let harness: RegistryHarness;
    let opened: Registry[];

    beforeEach(async () => {
      opened = [];
      harness = await create();
    });

    afterEach(async () => {
      await harness.settled(Promise.all(opened.map((registry) => registry.close())));
      await harness.dispose();
    });

    async function open(self: NodeId): Promise<Opened> {
      const seen = createSeen();
      const registry = await harness.open(self, seen);
      opened.push(registry);
      await harness.eventually('it is reached', () => registry.state().reachable && seen.changes > 0);
      return { registry, seen };
    }

    const read = ({ registry }: Opened): Promise<StoreReading> =>
      harness.settled(new Promise((resolve) => registry.read(resolve)));

    const swap = ({ registry }: Opened, index: number, text: string): Promise<SwapResult> =>
      harness.settled(new Promise((resolve) => registry.swap(index, text, resolve)));

    async function indexOf(node: Opened): Promise<number> {
      const reading = await read(node);
      if (reading.status === 'failed') throw new Error('the read failed');
      return reading.index;
    }

    async function keep(node: Opened, text: string): Promise<void> {
      expect(await swap(node, await indexOf(node), text)).toBe('stored');
    }

    const registrationOf = (over: Partial<Registration> = {}): Registration => ({
      ...{
        httpAddress: harness.httpAddress,
        busAddress: '127.0.0.1:7000',
        actor: '0011223344556677' as Actor,
      },
      ...{ zone: 'größe ✓', weight: 2, epoch: 3, tokens: [], ...over },
    });

    const latest = ({ seen }: Opened): readonly RegisteredNode[] => seen.views.at(-1) ?? [];

    const sees = (observer: Opened, node: NodeId, busAddress: string): Promise<void> =>
      harness.eventually(`${node} passes`, () =>
        latest(observer).some(
          (other) => other.node === node && other.passing && other.busAddress === busAddress,
        ),
      );

    describe('the store', () => {
      it('has index 0 and no text while it holds nothing', async () => {
        const a = await open(A);
        expect(await read(a)).toEqual({ status: 'read', index: 0, text: '' });
      });

      it.each([
        ['plain text', '{"epoch":1}'],
        ['an empty one', ''],
        ['all planes of Unicode, NUL and line ends', 'größer ✓ 🗝 \u0000 \r\n\u2028"\\'],
        ['512 KiB', 'x'.repeat(STORE_BYTES_MAX)],
      ])('what was swapped in is read, by its node and by others: %s', async (_, text) => {
        const [a, b] = [await open(A), await open(B)];
        expect(await swap(a, 0, text)).toBe('stored');
        for (const node of [a, b]) {
          const reading = await read(node);
          expect(reading).toMatchObject({ status: 'read' });
          expect(reading.status === 'read' && reading.text === text && reading.index > 0).toBe(true);
        }
      });

      it('a text that is too large is failed, and changes nothing', async () => {
        const a = await open(A);
        await keep(a, 'before');
        expect(await swap(a, await indexOf(a), 'ö'.repeat(STORE_BYTES_MAX / 2 + 1))).toBe('failed');
        expect(await read(a)).toMatchObject({ text: 'before' });
      });

      it('of two that find nothing and swap at once, exactly one is stored', async () => {
        const [a, b] = [await open(A), await open(B)];
        const both = [
          new Promise<SwapResult>((resolve) => a.registry.swap(0, 'of a', resolve)),
          new Promise<SwapResult>((resolve) => b.registry.swap(0, 'of b', resolve)),
        ];
        const results = await harness.settled(Promise.all(both));
        expect([...results].sort()).toEqual(['conflict', 'stored']);
        expect(await read(b)).toMatchObject({ text: results[0] === 'stored' ? 'of a' : 'of b' });
      });

      it('a swap on an older reading is a conflict, and changes nothing', async () => {
        const [a, b] = [await open(A), await open(B)];
        await keep(a, 'one');
        const index = await indexOf(b);
        await keep(a, 'two');
        expect(await swap(b, index, 'three')).toBe('conflict');
        expect(await swap(b, 0, 'three')).toBe('conflict');
        expect(await read(b)).toMatchObject({ text: 'two' });
        await keep(b, 'three');
        expect(await read(a)).toMatchObject({ text: 'three' });
      });

      it('a swap on an index that was never read is a conflict', async () => {
        const a = await open(A);
        expect(await swap(a, 12_345, 'text')).toBe('conflict');
        expect(await read(a)).toMatchObject({ index: 0 });
      });

      it('each change gives another index, also one to an earlier text', async () => {
        const a = await open(A);
        const indexes: number[] = [];
        for (const text of ['x', 'y', 'x']) {
          await keep(a, text);
          indexes.push(await indexOf(a));
        }
        expect(new Set(indexes).size).toBe(3);
      });

      it('the text that is there already is no change', async () => {
        const a = await open(A);
        await keep(a, 'x');
        const index = await indexOf(a);
        await keep(a, 'x');
        expect(await indexOf(a)).toBe(index);
      });

      it('a second read or swap while one is on its way fails, and the first one does not', async () => {
        const a = await open(A);
        const reads = [1, 2].map(() => new Promise<StoreReading>((resolve) => a.registry.read(resolve)));
        const statuses = (await harness.settled(Promise.all(reads))).map(({ status }) => status);
        expect(statuses).toEqual(['read', 'failed']);
        const swaps = ['x', 'y'].map(
          (text) => new Promise<SwapResult>((resolve) => a.registry.swap(0, text, resolve)),
        );
        expect(await harness.settled(Promise.all(swaps))).toEqual(['stored', 'failed']);
        expect(await read(a)).toMatchObject({ text: 'x' });
      });

      it('answers later, never from inside the call', async () => {
        const a = await open(A);
        let calls = 0;
        const called = (): void => {
          calls++;
        };
        a.registry.read(called);
        a.registry.read(called);
        a.registry.swap(7, '', called);
        expect(calls).toBe(0);
        await harness.eventually('all are answered', () => calls === 3);
      });

      it("tells of another node's change, and the change is there then", async () => {
        const [a, b] = [await open(A), await open(B)];
        for (const text of ['one', 'two']) {
          const before = b.seen.changes;
          await keep(a, text);
          await harness.eventually('b is told', () => b.seen.changes > before);
          expect(await read(b)).toMatchObject({ text });
        }
      });
    });

    describe('the nodes', () => {
      it('a node is seen by all, with its address, and passes', async () => {
        const [a, b] = [await open(A), await open(B)];
        expect(a.registry.state().registered).toBe(false);
        a.registry.register(registrationOf());
        await sees(b, A, '127.0.0.1:7000');
        await sees(a, A, '127.0.0.1:7000');
        expect(latest(b)).toEqual([{ node: A, busAddress: '127.0.0.1:7000', passing: true }]);
        expect(a.registry.state()).toEqual({ reachable: true, registered: true });
      });

      it('a later registration takes the place of an earlier one', async () => {
        const [a, b] = [await open(A), await open(B)];
        const tokens = Array.from({ length: 4096 }, (_, i) => i % 3 === 0);
        a.registry.register(registrationOf());
        a.registry.register(registrationOf({ busAddress: '[::1]:7001' }));
        await sees(b, A, '[::1]:7001');
        a.registry.register(registrationOf({ busAddress: '[::1]:7002', tokens }));
        await sees(b, A, '[::1]:7002');
        expect(latest(b)).toHaveLength(1);
      });

      it('several nodes come in the order of their ids', async () => {
        const [b, a] = [await open(B), await open(A)];
        b.registry.register(registrationOf());
        a.registry.register(registrationOf());
        await sees(a, B, '127.0.0.1:7000');
        await sees(a, A, '127.0.0.1:7000');
        expect(latest(a).map(({ node }) => node)).toEqual([A, B]);
      });

      it('a view is told only where it differs from the last one', async () => {
        const [a, b] = [await open(A), await open(B)];
        a.registry.register(registrationOf());
        await sees(b, A, '127.0.0.1:7000');
        await keep(a, 'something else');
        b.registry.register(registrationOf());
        await sees(b, B, '127.0.0.1:7000');
        const views = b.seen.views.map((view) => JSON.stringify(view));
        expect(views.filter((view, i) => view === views[i - 1])).toEqual([]);
      });
    });

    describe('close', () => {
      it('takes the registration back', async () => {
        const [a, b] = [await open(A), await open(B)];
        a.registry.register(registrationOf());
        await sees(b, A, '127.0.0.1:7000');
        await harness.settled(a.registry.close());
        await harness.eventually('a is gone', () => latest(b).length === 0);
      });

      it('calls no handler afterwards, and fails what is asked', async () => {
        const [a, b] = [await open(A), await open(B)];
        const closing = a.registry.close();
        const { changes, views } = a.seen;
        const before = [changes, views.length];
        await harness.settled(Promise.all([closing, a.registry.close()]));
        await keep(b, 'text');
        b.registry.register(registrationOf());
        await sees(b, B, '127.0.0.1:7000');
        a.registry.register(registrationOf());
        expect(await read(a)).toEqual({ status: 'failed' });
        expect(await swap(a, 0, 'late')).not.toBe('stored');
        expect([a.seen.changes, a.seen.views.length]).toEqual(before);
        expect(await read(b)).toMatchObject({ text: 'text' });
        expect(latest(b).map(({ node }) => node)).toEqual([B]);
      });

      it('answers what is on its way before it resolves, though nobody answers it', async () => {
        const a = await open(A);
        a.registry.register(registrationOf());
        harness.hang();
        const answers: string[] = [];
        a.registry.read(({ status }) => answers.push(status));
        a.registry.swap(0, 'text', (result) => answers.push(result));
        await harness.settled(a.registry.close());
        harness.resume();
        expect(answers).toEqual(['failed', 'failed']);
      });
    });

    describe('a registry that cannot be used', () => {
      it('hangs: calls fail; it is told when it answers again, and all works as before', async () => {
        const a = await open(A);
        await keep(a, 'text');
        const index = await indexOf(a);
        harness.hang();
        const reading = new Promise<StoreReading>((resolve) => a.registry.read(resolve));
        const swapping = new Promise<SwapResult>((resolve) => a.registry.swap(index, 'text', resolve));
        const [failedReading, failedSwap] = await harness.settled(Promise.all([reading, swapping]));
        expect([failedReading, failedSwap]).toEqual([{ status: 'failed' }, 'failed']);
        await harness.eventually('it is noticed', () => !a.registry.state().reachable);
        const before = a.seen.changes;
        harness.resume();
        await harness.eventually('a is told', () => a.seen.changes > before && a.registry.state().reachable);
        // The swap that failed may be done now, or later.
        expect(await read(a)).toMatchObject({ status: 'read', text: 'text' });
      });

      it('is wiped: the nodes are told, register again, and no older reading counts', async () => {
        const [a, b] = [await open(A), await open(B)];
        a.registry.register(registrationOf());
        await sees(b, A, '127.0.0.1:7000');
        await keep(a, 'text');
        const old = await indexOf(a);
        const before = b.seen.changes;
        await harness.wipe();
        await harness.eventually('b is told', () => b.seen.changes > before && b.registry.state().reachable);
        await harness.eventually('a is registered again', () => a.registry.state().registered);
        await sees(b, A, '127.0.0.1:7000');
        expect(await swap(a, old, 'on the old')).toBe('conflict');
        expect(await read(b)).toEqual({ status: 'read', index: 0, text: '' });
        await keep(b, 'anew');
        expect(await read(a)).toMatchObject({ text: 'anew' });
        const c = await open('c' as NodeId);
        await sees(c, A, '127.0.0.1:7000');
      });
    });
  });
}
