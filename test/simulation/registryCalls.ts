import type { StoreReading, SwapResult } from '../../services/node/core/protocol/store.js';
import type { NodeId } from '../../services/node/core/types.js';
import { READ_MS, STORE_BYTES_MAX, SWAP_MS } from '../../services/node/ports/registry.js';
import { delayOf, isCut, keep, type RegistryWorld, type Stored, type Way } from './registryWorld.js';

/** Reads and swaps of a simulated store. What was sent may arrive though nobody waits for it any more. */

/** A swap that was given up arrives until then, or never. */
const LATE_MS = 30_000;

/** A call with its deadline; what is given to `answer` first counts. */
interface Call<T> {
  /** False where it comes too late. */
  answer(result: T): boolean;
}

function openCall<T>(
  state: RegistryWorld,
  way: Way,
  { ms, failed }: { ms: number; failed: T },
  done: (result: T) => void,
): Call<T> {
  let answered = false;
  const answer = (result: T): boolean => {
    if (answered) return false;
    answered = true;
    way.pending.delete(fail);
    way.gate.enter(() => done(result));
    return true;
  };
  const fail = (): void => void answer(failed);
  way.pending.add(fail);
  state.schedule.after(ms, fail);
  if (way.closed) state.schedule.after(0, fail);
  return { answer };
}

const FAILED: StoreReading = { status: 'failed' };

export function read(state: RegistryWorld, way: Way, done: (reading: StoreReading) => void): void {
  if (way.reading) {
    state.schedule.after(0, () => way.gate.enter(() => done(FAILED)));
    return;
  }
  way.reading = true;
  const call = openCall<StoreReading>(state, way, { ms: READ_MS, failed: FAILED }, (reading) => {
    way.reading = false;
    done(reading);
  });
  const [there, back, lost] = [
    delayOf(state, way),
    delayOf(state, way),
    way.random.chance(state.weather.lossRate),
  ];
  if (lost) return;
  carry(state, way, there, () => {
    const { stored } = state;
    carry(state, way, back, () => {
      const before = way.read;
      way.read = stored;
      const inTime = call.answer({ status: 'read', index: stored?.index ?? 0, text: stored?.text ?? '' });
      if (!inTime) way.read = before;
    });
  });
}

/** Nothing arrives while the node is cut. */
function carry(state: RegistryWorld, way: Way, ms: number, task: () => void): void {
  if (isCut(state, way.self)) return;
  state.schedule.after(ms, () => {
    if (!isCut(state, way.self)) task();
  });
}

interface Swap {
  readonly index: number;
  readonly text: string;
}

export function swap(state: RegistryWorld, way: Way, wanted: Swap, done: (result: SwapResult) => void): void {
  if (way.swapping) {
    state.schedule.after(0, () => way.gate.enter(() => done('failed')));
    return;
  }
  way.swapping = true;
  const call = openCall<SwapResult>(state, way, { ms: SWAP_MS, failed: 'failed' }, (result) => {
    way.swapping = false;
    done(result);
  });
  const read = way.read;
  const { random } = way;
  const [there, back, lost] = [
    delayOf(state, way),
    delayOf(state, way),
    random.chance(state.weather.lossRate),
  ];
  const [fate, lateMs] = [random.fraction(), random.fraction() * LATE_MS];
  if (new TextEncoder().encode(wanted.text).length > STORE_BYTES_MAX) {
    state.schedule.after(there, () => call.answer('failed'));
    return;
  }
  const apply = (): SwapResult => applySwap(state, way.self, wanted, read);
  if (!lost && !isCut(state, way.self)) {
    state.schedule.after(there, () => {
      const result = apply();
      carry(state, way, back, () => call.answer(result));
    });
  } else if (fate < 1 / 3) state.schedule.after(there, () => void apply());
  else if (fate < 2 / 3) state.schedule.after(lateMs, () => void apply());
}

function applySwap(
  state: RegistryWorld,
  by: NodeId,
  { index, text }: Swap,
  read: Stored | undefined,
): SwapResult {
  const { stored } = state;
  const isWanted = index === 0 ? stored === undefined : stored !== undefined && isSame(stored, read, index);
  if (!isWanted) return 'conflict';
  // To Consul this is no change, and the index stays.
  if (stored?.text === text) return 'stored';
  state.lastIndex++;
  keep(state, { index: state.lastIndex, text, by });
  return 'stored';
}

/** One that was put back is the same again. */
function isSame(stored: Stored, read: Stored | undefined, index: number): boolean {
  return read?.index === index && stored.index === index && stored.text === read.text;
}
