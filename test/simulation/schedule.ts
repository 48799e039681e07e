/** Virtual time: what is to happen, by its time, and in the order of scheduling where times are equal. */
export interface Schedule {
  /** Milliseconds since the simulation began. */
  readonly nowMs: number;
  /** Events carried out so far. */
  readonly events: number;
  after(ms: number, task: () => void): void;
  at(ms: number, task: () => void): void;
  /** Carries out everything due before `untilMs`, and lets time arrive there. What promises wait for runs in between. */
  run(untilMs: number): Promise<void>;
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly task: () => void;
}

const TURNS_AT_END = 10;

export function createSchedule(): Schedule {
  const heap: Due[] = [];
  let nowMs = 0;
  let order = 0;
  let events = 0;
  const at = (ms: number, task: () => void): void => {
    push(heap, { at: Math.max(ms, nowMs), order: order++, task });
  };
  return {
    get nowMs() {
      return nowMs;
    },
    get events() {
      return events;
    },
    at,
    after: (ms, task) => {
      at(nowMs + ms, task);
    },
    run: async (untilMs) => {
      for (let due = heap[0]; due !== undefined && due.at < untilMs; due = heap[0]) {
        pop(heap);
        nowMs = due.at;
        events++;
        due.task();
        await Promise.resolve();
      }
      // A chain of promises may be longer than the events that are left.
      for (let turn = 0; turn < TURNS_AT_END; turn++) await Promise.resolve();
      nowMs = untilMs;
    },
  };
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Due[], due: Due): void {
  let i = heap.push(due) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    const other = heap[parent]!;
    if (!isBefore(due, other)) break;
    heap[i] = other;
    i = parent;
  }
  heap[i] = due;
}

/** Removes the first. */
function pop(heap: Due[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    const right = heap[child + 1];
    if (right && isBefore(right, heap[child]!)) child++;
    const other = heap[child];
    if (!other || !isBefore(other, last)) break;
    heap[i] = other;
    i = child;
  }
  heap[i] = last;
}
