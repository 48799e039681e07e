/** Doing many things at once, but never more than a stated number. */

/** At most so many tasks under way, in the order of the calls. */
export interface Slots {
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function createSlots(limit: number): Slots {
  const waiting: (() => void)[] = [];
  let free = limit;

  /** A slot given back goes straight to the longest waiting. */
  function release(): void {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }

  return {
    run: async (task) => {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await task();
      } finally {
        release();
      }
    },
  };
}

/** Runs `task` on every item, `limit` at a time. After a failure nothing new begins; rejects when all have ended. */
export async function forEachConcurrent<T>(
  items: Iterable<T>,
  limit: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (failures.length === 0) {
      const next = iterator.next();
      if (next.done === true) return;
      try {
        await task(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failures.length > 0) throw failures[0];
}

/** Yields the tasks' results in order while up to `ahead` further ones are already under way. */
export async function* inOrder<T>(
  items: Iterable<number>,
  ahead: number,
  task: (item: number) => Promise<T>,
): AsyncGenerator<T> {
  const underWay: Promise<T>[] = [];
  const iterator = items[Symbol.iterator]();
  const begin = (): boolean => {
    const next = iterator.next();
    if (next.done === true) return false;
    const result = task(next.value);
    // The consumer meets the failure when its turn comes; until then it is not "unhandled".
    result.catch(() => undefined);
    underWay.push(result);
    return true;
  };
  while (underWay.length < ahead && begin());
  for (let first = underWay.shift(); first; first = underWay.shift()) {
    const value = await first;
    begin();
    yield value;
  }
}

export function* range(from: number, to: number): Generator<number> {
  for (let i = from; i <= to; i++) yield i;
}
