import { setTimeout as sleep } from 'node:timers/promises';
import { openStorageApi, type Answer, type ReadQuery, type StorageApi } from '../workload/storageApi.js';

/** Keys that a scenario itself writes, reads and deletes, a few at a time, and through more than one node. */

const REQUEST_TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 20;
const PAUSE_MS = 100;
const VALUE_BYTES = 100;
const AT_ONCE = 16;

export interface WriteHow {
  readonly minNumWrites?: number;
}

/** Writes each key once, its own name as its value. Throws where one is not acknowledged in the end. */
export async function writeAll(
  urls: readonly string[],
  keys: readonly string[],
  { minNumWrites }: WriteHow = {},
): Promise<void> {
  const write = { fromVersion: '', quorum: 'sloppy', sizeBytes: VALUE_BYTES, onConflict: 'refuse' } as const;
  await eachKey(urls, keys, (api, url, key) =>
    api.put(url, key, { ...write, value: key, minNumWrites, requestId: key }),
  );
}

/** Deletes what a read of each key shows. Throws where a delete is not acknowledged in the end. */
export async function removeAll(urls: readonly string[], keys: readonly string[]): Promise<void> {
  await eachKey(urls, keys, async (api, url, key) => {
    const read = await api.get(url, key, { quorum: 'sloppy' });
    if (read.outcome !== 'ok') return read;
    if (read.values?.length === 0) return read;
    return api.remove(url, key, { fromVersion: read.version ?? '', quorum: 'sloppy' });
  });
}

/** What a read of each key through `url` is answered; failures are answers, too. */
export async function readAll(
  url: string,
  keys: readonly string[],
  query: ReadQuery,
): Promise<readonly Answer[]> {
  const api = openStorageApi(REQUEST_TIMEOUT_MS);
  try {
    return await Promise.all(keys.map((key) => api.get(url, key, query)));
  } finally {
    api.close();
  }
}

async function eachKey(
  urls: readonly string[],
  keys: readonly string[],
  work: (api: StorageApi, url: string, key: string) => Promise<Answer>,
): Promise<void> {
  const api = openStorageApi(REQUEST_TIMEOUT_MS);
  const one = async (key: string, index: number): Promise<void> => {
    let answer: Answer | undefined;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      answer = await work(api, urls[(index + attempt) % urls.length] ?? '', key);
      if (answer.outcome === 'ok') return;
      await sleep(PAUSE_MS);
    }
    throw new Error(`${key} was not acknowledged: ${answer?.code ?? '?'}`);
  };
  try {
    const left = keys.entries();
    const worker = async (): Promise<void> => {
      for (const [index, key] of left) await one(key, index);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    api.close();
  }
}
