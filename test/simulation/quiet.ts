import type { Message } from '../../services/node/core/protocol/messages.js';
import { isComplete } from './machine.js';
import { ROOMY_BYTES } from './phases.js';
import type { World } from './world.js';

/** What repair does when there is something to repair. */
const FACTS = ['keyPulled', 'hintDelivered', 'readRepaired', 'strayFound'] as const;
/** What it sends beyond asking whether roots are the same. */
const MESSAGES = ['leaves', 'list', 'pull', 'write'] as const satisfies readonly Message['type'][];

/** Replicas forget a tombstone one after the other, and a comparison may fall in between: it is looked at again. */
const LOOKS = 4;
/** Graces that are longer than plans are not waited for. */
const GRACE_MS_MAX = 10_000;

/**
 * When replicas are the same, repair traffic falls to zero (I12). What is damaged and cannot be mended, and what is not
 * complete and cannot be otherwise, is asked for again and again: there it only must not come to anything.
 */
export async function expectQuiet(world: World): Promise<void> {
  const { plan, schedule, report } = world;
  if (plan.limits.cellBytesMax < ROOMY_BYTES) return;
  const lookMs = 2 * plan.antiEntropyMs + 1000;
  // A replica that has missed its reaping has a tombstone by itself until its own turn comes.
  const patienceMs = 3 * Math.min(plan.tombstoneGraceMs, GRACE_MS_MAX);
  const untilMs = schedule.nowMs + Math.max(LOOKS * lookMs, patienceMs);
  let noise: readonly string[] = [];
  do {
    const before = countsOf(world);
    await schedule.run(schedule.nowMs + lookMs);
    noise = noiseSince(world, before);
  } while (noise.length > 0 && schedule.nowMs < untilMs);
  for (const what of noise) report('I12', `${what} when all replicas were the same`);
}

type Counts = ReadonlyMap<string, number>;

function countsOf({ figures, machines }: World): Counts {
  const facts = FACTS.map((fact) => [fact, figures.faults.get(`fact:${fact}`) ?? 0] as const);
  const isWell = machines.every((machine) => isComplete(machine) && machine.directory.quarantined.size === 0);
  const messages = isWell ? MESSAGES : [];
  return new Map([...facts, ...messages.map((type) => [type, figures.sent.get(type) ?? 0] as const)]);
}

function noiseSince(world: World, before: Counts): string[] {
  return [...countsOf(world)].flatMap(([name, count]) => {
    const more = count - (before.get(name) ?? count);
    return more > 0 ? [`${String(more)} times ${name}`] : [];
  });
}
