import type { StoreReading, SwapResult } from '../../core/protocol/store.js';
import { READ_MS, type Registry, STORE_BYTES_MAX, SWAP_MS } from '../../ports/registry.js';
import type { Log } from '../../ports/telemetry.js';
import { readKey, swapKey } from './calls.js';
import type { Client } from './client.js';
import { createComplaints } from './complaints.js';

/** The cluster document under a key of Consul's KV. A read asks the leader, so that it is never older than the call. */
export interface DocumentStore extends Pick<Registry, 'read' | 'swap'> {
  /**
   * Consul was away, or counts from another start: indexes that were read before may name something else now, and nothing
   * is swapped on them.
   */
  forget(): void;
}

export interface DocumentStoreOptions {
  readonly client: Client;
  readonly key: string;
  readonly url: string;
  readonly log: Log;
}

interface State extends DocumentStoreOptions {
  /** Of the last reading; a swap on an older one would be in vain. */
  readIndex: number | undefined;
  /** Grows with each {@link DocumentStore.forget}: a read that was under way does not count. */
  generation: number;
}

export function createDocumentStore(options: DocumentStoreOptions): DocumentStore {
  const state: State = { ...options, readIndex: undefined, generation: 0 };
  const complaints = createComplaints(options.log, {
    bad: `Consul does not keep the cluster document under ${options.key}`,
    good: 'Consul keeps the cluster document again',
    // Whether Consul is reached is said by the watch.
    kinds: ['refused', 'overlong', 'foreign'],
    url: options.url,
  });
  let reading = false;
  let swapping = false;
  return {
    read: (done) => {
      if (reading) {
        queueMicrotask(() => done({ status: 'failed' }));
        return;
      }
      reading = true;
      void read(state).then((result) => {
        reading = false;
        done(result);
      });
    },
    swap: (index, text, done) => {
      if (swapping) {
        queueMicrotask(() => done('failed'));
        return;
      }
      swapping = true;
      void swap(state, complaints, index, text).then((result) => {
        swapping = false;
        done(result);
      });
    },
    forget: () => {
      state.readIndex = undefined;
      state.generation++;
    },
  };
}

async function read(state: State): Promise<StoreReading> {
  const { client, key, generation } = state;
  const answer = await readKey(client, 'read', key, READ_MS, { consistent: true });
  if (!answer.ok) return { status: 'failed' };
  const { storedIndex, text } = answer.value;
  if (generation === state.generation) state.readIndex = storedIndex;
  return { status: 'read', index: storedIndex, text };
}

async function swap(
  state: State,
  complaints: ReturnType<typeof createComplaints>,
  index: number,
  text: string,
): Promise<SwapResult> {
  const { client, key, readIndex } = state;
  const bytes = Buffer.byteLength(text);
  if (bytes > STORE_BYTES_MAX) {
    const detail = `it has ${String(bytes)} bytes, and Consul keeps ${String(STORE_BYTES_MAX)}`;
    state.log.log(
      'error',
      'the cluster document is too large for Consul: fewer partitions, or nodes, are wanted',
      {
        detail,
      },
    );
    return 'failed';
  }
  if (index !== 0 && index !== readIndex) return 'conflict';
  const answer = await swapKey(client, key, SWAP_MS, { index, text });
  if (!answer.ok) {
    complaints.bad(answer.fault);
    return 'failed';
  }
  complaints.good();
  return answer.value ? 'stored' : 'conflict';
}
