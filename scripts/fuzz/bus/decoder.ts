import { isDeepStrictEqual } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import fc from 'fast-check';
import { DecodeError } from '../../../services/node/core/protocol/bytes.js';
import { decodeEnvelope, encodeEnvelope } from '../../../services/node/core/protocol/envelope.js';
import type { Envelope } from '../../../services/node/core/protocol/envelope.js';
import { seededRandom } from '../../support/random.js';
import { envelope } from '../generators/envelopes.js';
import { mutate } from '../generators/mutations.js';
import { partSeed } from '../seeds.js';

/**
 * The bus decoder under fire. Sound envelopes come from the arbitraries and must come back as they were; their damaged
 * descendants must give an envelope or a DecodeError, in time and memory that go with their length. Every input is made
 * from (seed, batch, index), so that the one that a worker died of can be made again outside.
 */

/** Envelopes that one batch begins with, and what becomes of each. */
const SOUND_PER_BATCH = 40;
const DAMAGED_PER_SOUND = 24;
export const BATCH_ENVELOPES = SOUND_PER_BATCH * (1 + DAMAGED_PER_SOUND);

/** Far above what a decoder that keeps its promise takes, even on a machine that is busy with other things. */
const DECODE_MS_MAX = 2000;
/** A decoded object costs more than its bytes did: an empty sibling or mark of a few bytes is three small objects. */
const MEMORY_PER_BYTE_MAX = 128;
const MEMORY_BYTES_FREE = 4 * 1024 * 1024;

type Input =
  | { readonly kind: 'sound'; readonly envelope: Envelope; readonly bytes: Uint8Array }
  | { readonly kind: 'damaged'; readonly bytes: Uint8Array };

export interface BatchCounts {
  envelopes: number;
  /** Of the damaged ones: those that were decoded all the same, whole or but for some messages. */
  decoded: number;
  refused: number;
}

export interface DecoderFinding {
  readonly what: string;
  /** It hangs, or ends its process. */
  readonly isFatal: boolean;
  readonly bytes: Uint8Array;
}

/** The inputs of one batch, always the same for the same seed and number. */
export function inputsOf(seed: number, batch: number): Input[] {
  const own = partSeed(seed, batch);
  const random = seededRandom(own);
  const envelopes = fc.sample(envelope, { seed: own | 0, numRuns: SOUND_PER_BATCH });
  const sound = envelopes.map((each) => ({ envelope: each, bytes: encodeEnvelope(each) }));
  return sound.flatMap((each): Input[] => {
    const damaged = Array.from({ length: DAMAGED_PER_SOUND }, (): Input => {
      const other = sound[random.below(sound.length)] ?? each;
      return { kind: 'damaged', bytes: mutate(each.bytes, other.bytes, random) };
    });
    return [{ kind: 'sound', ...each }, ...damaged];
  });
}

/** Runs one batch; `onInput` is told the index of each input before it is decoded. Gives the first fault that it meets. */
export function runBatch(
  seed: number,
  batch: number,
  counts: BatchCounts,
  onInput: (index: number) => void,
): DecoderFinding | undefined {
  for (const [index, input] of inputsOf(seed, batch).entries()) {
    onInput(index);
    counts.envelopes++;
    const what = input.kind === 'sound' ? faultOfSound(input) : faultOfBytes(input.bytes, counts);
    if (what !== undefined) return { what, isFatal: false, bytes: input.bytes };
  }
  return undefined;
}

function faultOfSound({ envelope: sent, bytes }: Extract<Input, { kind: 'sound' }>): string | undefined {
  const got = decode(bytes);
  if (got.status !== 'decoded') return `a sound envelope is refused: ${got.status}`;
  return isDeepStrictEqual(got.envelope, sent) ? undefined : 'a sound envelope comes back as another one';
}

/** What is wrong with how the decoder takes these bytes; undefined where it does as it must. */
export function faultOfBytes(
  bytes: Uint8Array,
  counts: BatchCounts = { envelopes: 0, decoded: 0, refused: 0 },
): string | undefined {
  const startedMs = performance.now();
  const before = memoryBytes();
  const got = decode(bytes);
  const taken = memoryBytes() - before;
  const elapsedMs = performance.now() - startedMs;
  if (got.status === 'threw') return `the decoder threw something else than a DecodeError: ${got.what}`;
  if (elapsedMs > DECODE_MS_MAX) return `decoding took ${elapsedMs.toFixed(0)} ms`;
  if (taken > MEMORY_BYTES_FREE + MEMORY_PER_BYTE_MAX * bytes.length) {
    return `decoding ${String(bytes.length)} bytes took ${String(taken)} bytes of memory`;
  }
  if (got.status === 'refused') {
    counts.refused++;
    return undefined;
  }
  counts.decoded++;
  return faultOfDecoded(got.envelope);
}

/** What was read can be written and means the same again. */
function faultOfDecoded(read: Envelope): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = encodeEnvelope(read);
  } catch (error) {
    return `what was decoded cannot be encoded: ${shown(error)}`;
  }
  const again = decode(bytes);
  const same = again.status === 'decoded' && isDeepStrictEqual(again.envelope, read);
  return same ? undefined : 'what was decoded does not survive being encoded';
}

type Decoded =
  | { readonly status: 'decoded'; readonly envelope: Envelope }
  | { readonly status: 'refused' }
  | { readonly status: 'threw'; readonly what: string };

/** As the bus decodes it: a damaged message is left out. */
function decode(bytes: Uint8Array): Decoded {
  try {
    return { status: 'decoded', envelope: decodeEnvelope(bytes, () => undefined) };
  } catch (error) {
    return error instanceof DecodeError ? { status: 'refused' } : { status: 'threw', what: shown(error) };
  }
}

function shown(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** On the heap and in buffers outside it; a collection in between makes the difference smaller, never larger. */
function memoryBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
