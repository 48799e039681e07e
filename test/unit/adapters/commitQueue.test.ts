import { describe, expect, it } from '@jest/globals';
import {
  createCommitQueue,
  type CommitQueueOptions,
} from '../../../services/node/adapters/level-storage/commitQueue.js';

interface Write {
  readonly id: number;
  readonly sizeBytes: number;
  done(error?: Error): void;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A queue whose batches end when the test says so. */
function held(limits: Partial<CommitQueueOptions<Write>> = {}) {
  const batches: number[][] = [];
  const answers: string[] = [];
  const held: { resolve(): void; reject(error: Error): void }[] = [];
  const queue = createCommitQueue<Write>({
    pendingBytesMax: 1000,
    batchBytesMax: 1000,
    commit(batch) {
      batches.push(batch.map((write) => write.id));
      return new Promise((resolve, reject) => held.push({ resolve, reject }));
    },
    ...limits,
  });
  const add = (id: number, sizeBytes = 1): boolean =>
    queue.add({ id, sizeBytes, done: (error) => answers.push(`${id} ${error?.message ?? 'stored'}`) });
  const finish = async (error?: Error): Promise<void> => {
    const batch = held.shift()!;
    if (error) batch.reject(error);
    else batch.resolve();
    await turn();
    await turn();
  };
  return { queue, batches, answers, add, finish };
}

describe('commit queue', () => {
  it('gathers the writes of a turn, and those that come during a batch, in order', async () => {
    const { batches, answers, add, finish } = held();
    add(1);
    add(2);
    expect(batches).toEqual([]);
    await turn();
    add(3);
    add(4);
    await turn();
    expect(batches).toEqual([[1, 2]]);
    await finish();
    expect(answers).toEqual(['1 stored', '2 stored']);
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ]);
    await finish();
    expect(answers).toHaveLength(4);
  });

  it('splits what is larger than a batch, and sends a larger write alone', async () => {
    const { batches, add, finish } = held({ batchBytesMax: 10 });
    for (const [id, size] of [6, 6, 50, 3, 3, 3, 3].entries()) add(id, size);
    await turn();
    for (let i = 0; i < 5; i++) if (batches.length > i) await finish();
    expect(batches).toEqual([[0], [1], [2], [3, 4, 5], [6]]);
  });

  it('refuses beyond its bound, counting the batch under way, and takes again what has left', async () => {
    const { queue, add, finish } = held({ pendingBytesMax: 100 });
    expect(add(1, 5000)).toBe(true);
    await turn();
    expect(add(2, 1)).toBe(false);
    expect(queue.pending()).toBe(1);
    await finish();
    expect([add(3, 60), add(4, 41), add(5, 40)]).toEqual([true, false, true]);
    expect(queue.pending()).toBe(2);
    await turn();
    await finish();
    expect(queue.pending()).toBe(0);
  });

  it('fails what waits behind a failed batch, each once, and goes on with what comes later', async () => {
    const { answers, add, finish, batches } = held();
    add(1);
    await turn();
    add(2);
    await finish(new Error('full'));
    expect(answers).toEqual(['1 full', '2 full']);
    add(3);
    await turn();
    await finish();
    expect(answers).toEqual(['1 full', '2 full', '3 stored']);
    expect(batches).toEqual([[1], [3]]);
  });

  it('makes an empty batch only where one is asked for', async () => {
    const { queue, batches, finish } = held();
    await turn();
    expect(batches).toEqual([]);
    queue.request();
    queue.request();
    await turn();
    await finish();
    expect(batches).toEqual([[]]);
  });

  it('is idle only when nothing waits or is under way, also what a callback adds', async () => {
    const { queue, add, finish } = held();
    await queue.idle();
    queue.add({ id: 1, sizeBytes: 1, done: () => add(2) });
    let idle = false;
    const waited = queue.idle().then(() => (idle = true));
    await turn();
    await finish();
    expect(idle).toBe(false);
    await finish();
    await waited;
    expect(queue.pending()).toBe(0);
  });
});
