import { parentPort, Worker, workerData } from 'node:worker_threads';
import { BATCH_ENVELOPES, inputsOf, runBatch, type BatchCounts, type DecoderFinding } from './decoder.js';

/**
 * The decoder's campaign on several threads. A decoder that hangs, or eats all memory, takes only its thread with it: the
 * place that the thread noted down before each input tells which one it was.
 */

export interface DecoderResult extends BatchCounts {
  readonly finding?: DecoderFinding;
}

export interface DecoderOptions {
  /** The entry file, which calls {@link serveDecoderThread} on a thread that is not the main one. */
  readonly entry: string;
  readonly seed: number;
  readonly envelopes: number;
  readonly threads: number;
  readonly onProgress: (counts: BatchCounts) => void;
}

interface ThreadTask {
  readonly seed: number;
  readonly first: number;
  readonly step: number;
  readonly batches: number;
  /** Batch and index of the input that is being decoded. */
  readonly place: Int32Array;
}

type FromThread =
  | { readonly type: 'batch'; readonly counts: BatchCounts }
  | { readonly type: 'finding'; readonly finding: DecoderFinding };

const SILENCE_MS_MAX = 60_000;
const CHECK_MS = 1000;
const THREAD_HEAP_MIB_MAX = 512;

/** Decodes at least so many envelopes; ends with the first fault. */
export async function fuzzDecoder(options: DecoderOptions): Promise<DecoderResult> {
  const counts: BatchCounts = { envelopes: 0, decoded: 0, refused: 0 };
  const batches = Math.ceil(options.envelopes / BATCH_ENVELOPES);
  const step = Math.min(options.threads, batches);
  const over = new AbortController();
  const onBatch = (more: BatchCounts): void => {
    counts.envelopes += more.envelopes;
    counts.decoded += more.decoded;
    counts.refused += more.refused;
    options.onProgress(counts);
  };
  const threads = Array.from({ length: step }, async (_, first) => {
    const place = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
    const task = { seed: options.seed, first, step, batches, place };
    const finding = await runThread(options.entry, task, onBatch, over.signal);
    if (finding) over.abort();
    return finding;
  });
  const finding = (await Promise.all(threads)).find((each) => each !== undefined);
  return { ...counts, ...(finding && { finding }) };
}

function runThread(
  entry: string,
  task: ThreadTask,
  onBatch: (counts: BatchCounts) => void,
  over: AbortSignal,
): Promise<DecoderFinding | undefined> {
  const worker = new Worker(entry, {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB_MAX },
  });
  let heardMs = performance.now();
  return new Promise((resolve) => {
    const end = (finding?: DecoderFinding): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve(finding);
    };
    const watch = setInterval(() => {
      if (performance.now() - heardMs > SILENCE_MS_MAX) end(findingAt(task, 'the decoder hangs'));
    }, CHECK_MS);
    over.addEventListener('abort', () => end());
    worker.on('message', (message: FromThread) => {
      heardMs = performance.now();
      if (message.type === 'finding') end(message.finding);
      else onBatch(message.counts);
    });
    worker.on('error', (error) => end(findingAt(task, `the decoder ended its thread: ${String(error)}`)));
    worker.on('exit', () => end());
  });
}

function findingAt({ seed, place }: ThreadTask, what: string): DecoderFinding {
  const [batch = 0, index = 0] = place;
  return { what, isFatal: true, bytes: inputsOf(seed, batch)[index]?.bytes ?? new Uint8Array(0) };
}

/** What the entry file does on such a thread. */
export function serveDecoderThread(): void {
  const { seed, first, step, batches, place } = workerData as ThreadTask;
  const send = (message: FromThread): void => parentPort?.postMessage(message);
  for (let batch = first; batch < batches; batch += step) {
    const counts: BatchCounts = { envelopes: 0, decoded: 0, refused: 0 };
    const finding = runBatch(seed, batch, counts, (index) => {
      place[0] = batch;
      place[1] = index;
    });
    send({ type: 'batch', counts });
    if (!finding) continue;
    send({ type: 'finding', finding });
    return;
  }
}
