import { setTimeout as sleep } from 'node:timers/promises';
import { countersOf, hintsKept } from '../support/nodeViews.js';

/**
 * When replicas are the same, repair is over: roots go on being compared, and nothing else happens (I12). What would tell
 * of it are counters that grow only where something is handed over, pulled, kept, forgotten or built anew. A comparison that
 * fails on a busy machine is no repair, as long as others do not.
 */
const REPAIRS: readonly string[] = [
  'readRepaired',
  'readRepairSkipped',
  'hintKept',
  'hintDelivered',
  'hintRefused',
  'exchangeRepaired',
  'treeGivenUp',
  'keyPulled',
  'keyMended',
  'strayFound',
  'tombstoneReaped',
  'directoryRenounced',
  'documentAdopted',
  'rebuildBegun',
];

const EVENTS = 'rondo_events_total';
const COUNTERS: readonly string[] = [
  'rondo_storage_records_total',
  'rondo_storage_damaged_total',
  ...REPAIRS.map((event) => `${EVENTS}{event="${event}"}`),
];
const COMPARED = `${EVENTS}{event="exchangeSame"}`;

/** By node, its counters. */
export type Repairs = ReadonlyMap<string, ReadonlyMap<string, number>>;

export async function repairsSoFar(
  nodes: readonly { readonly id: string; readonly url: string }[],
): Promise<Repairs> {
  const all = nodes.map(async ({ id, url }) => [id, await countersOf(url)] as const);
  return new Map(await Promise.all(all));
}

/** A line for each counter of repair that has grown since `before`. */
export function whyNotQuiet(before: Repairs, after: Repairs): string[] {
  return [...after].flatMap(([node, counters]) =>
    COUNTERS.flatMap((name) => {
      const [was, is] = [before.get(node)?.get(name) ?? 0, counters.get(name) ?? 0];
      return is === was ? [] : [`${node}: ${name} went from ${String(was)} to ${String(is)}`];
    }),
  );
}

const WAYS: Readonly<Record<string, string>> = {
  hintDelivered: 'hints',
  keyPulled: 'pulled keys',
  readRepaired: 'read repairs',
  strayFound: 'strays',
};

/** How replicas became the same, in words; what a node did before it died is forgotten. */
export function mendedBy(repairs: Repairs): string {
  const sums = Object.entries(WAYS).map(([event, name]) => {
    const counts = [...repairs.values()].map((node) => node.get(`${EVENTS}{event="${event}"}`) ?? 0);
    return `${String(counts.reduce((sum, count) => sum + count, 0))} ${name}`;
  });
  return sums.join(', ');
}

export interface Quiet {
  /** Comparisons in which nothing differed, all nodes together. */
  readonly compared: number;
  readonly broken: readonly string[];
}

/** Watches for `quietMs` in which nothing may be repaired, though comparisons go on. */
export async function watchQuiet(
  nodes: readonly { readonly id: string; readonly url: string }[],
  quietMs: number,
): Promise<Quiet> {
  const before = await repairsSoFar(nodes);
  await sleep(quietMs);
  const after = await repairsSoFar(nodes);
  const compared = [...after].map(
    ([node, counters]) => (counters.get(COMPARED) ?? 0) - (before.get(node)?.get(COMPARED) ?? 0),
  );
  const { total, allAnswered } = await hintsKept(nodes.map(({ url }) => url));
  return {
    compared: compared.reduce((sum, one) => sum + one, 0),
    broken: [
      ...whyNotQuiet(before, after),
      ...(compared.every((count) => count > 0) ? [] : ['a node compared nothing meanwhile']),
      ...(allAnswered && total === 0 ? [] : [`${String(total)} hints are still kept`]),
    ],
  };
}
