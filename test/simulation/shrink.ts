import type { Fault, Operation, Plan } from './plan.js';

/** Makes a failing plan small: a plan in which everything left is needed is one that a person can read. */

/**
 * A smallest list that still fails, in the sense that it passes with any one element taken out (Zeller and Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input", 2002). `items` must fail.
 */
export async function ddmin<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let current = items;
  for (let parts = 2; current.length > 0;) {
    const smaller = await firstFailing(complements(current, parts), fails);
    if (smaller) {
      current = smaller;
      parts = Math.max(2, parts - 1);
    } else if (parts >= current.length) return current;
    else parts = Math.min(current.length, parts * 2);
  }
  return current;
}

/** The list without each of its `parts` parts. */
function complements<T>(items: readonly T[], parts: number): (readonly T[])[] {
  const size = Math.ceil(items.length / Math.min(parts, items.length));
  const starts = Array.from({ length: Math.ceil(items.length / size) }, (_, i) => i * size);
  return starts.map((start) => items.filter((_, i) => i < start || i >= start + size));
}

async function firstFailing<T>(
  candidates: readonly (readonly T[])[],
  fails: (items: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | undefined> {
  for (const candidate of candidates) if (await fails(candidate)) return candidate;
  return undefined;
}

type Item = { readonly operation: Operation } | { readonly fault: Fault };

/** Takes out every operation, fault and trouble of the network that the failure does not need. `plan` must fail. */
export async function shrinkPlan(plan: Plan, fails: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let smallest = plan;
  for (let size = Infinity; size > sizeOf(smallest);) {
    size = sizeOf(smallest);
    smallest = await calmed(smallest, fails);
    const base = smallest;
    const items = await ddmin(itemsOf(base), (left) => fails(withItems(base, left)));
    smallest = withItems(base, items);
  }
  return simplified(smallest, fails);
}

/** How much there is to read. */
export function sizeOf({ operations, faults }: Plan): number {
  return operations.length + faults.length;
}

function itemsOf({ operations, faults }: Plan): Item[] {
  return [...faults.map((fault) => ({ fault })), ...operations.map((operation) => ({ operation }))];
}

function withItems(plan: Plan, items: readonly Item[]): Plan {
  return {
    ...plan,
    operations: items.flatMap((item) => ('operation' in item ? [item.operation] : [])),
    faults: items.flatMap((item) => ('fault' in item ? [item.fault] : [])),
  };
}

/** Without losses, without duplicates, with even delays, with right clocks: whatever of it still fails. */
async function calmed(plan: Plan, fails: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  const { network } = plan;
  let calm = plan;
  for (const change of [
    { network: { ...network, lossRate: 0, duplicationRate: 0 } },
    { network: { ...network, lossRate: 0 } },
    { clocks: plan.clocks.map(() => ({ offsetMs: 0, driftPpm: 0 })) },
    { disk: { ...plan.disk, readMs: 0 } },
  ]) {
    const candidate = { ...calm, ...change };
    if (JSON.stringify(candidate) !== JSON.stringify(calm) && (await fails(candidate))) calm = candidate;
  }
  return calm;
}

/** Operations without what they do not need, one after the other, and no longer than necessary. */
async function simplified(plan: Plan, fails: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let simple = plan;
  for (const [index, operation] of plan.operations.entries()) {
    const { valueBytes: _size, retry: _retry, ...plain } = operation;
    const operations = simple.operations.map((other, i) => (i === index ? plain : other));
    if (operation.valueBytes === undefined && operation.retry === undefined) continue;
    if (await fails({ ...simple, operations })) simple = { ...simple, operations };
  }
  const lastMs = Math.max(0, ...[...plan.operations, ...plan.faults].map(({ at }) => at));
  const chaosMs = Math.min(simple.chaosMs, lastMs + plan.requestTimeoutMs + 5000);
  const short = { ...simple, chaosMs };
  return (await fails(short)) ? short : simple;
}
