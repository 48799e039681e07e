import type { Quorum } from '../../services/node/core/protocol/messages.js';
import type { Key } from '../../services/node/core/types.js';
import { isComplete, type Machine } from './machine.js';
import type { Answer } from './requests.js';
import { keyOf } from './values.js';
import type { World } from './world.js';

/** What the simulator itself asks when the chaos is over. */

const STEP_MS = 120;
/** Below this, a record of many siblings may be more than a node accepts. */
export const ROOMY_BYTES = 128 * 1024;
/** Below this, fallbacks may be full. */
const ROOMY_HINTS = 1000;
const CLIENT = 0;

/** On the healed core every read and write that its quorum makes possible has to succeed, at the first attempt. */
export async function proveLiveness(world: World): Promise<void> {
  const { plan, schedule, machines } = world;
  if (plan.limits.cellBytesMax < ROOMY_BYTES) return;
  const core = plan.core.nodes.map((index) => machines[index]!);
  for (const prove of [proveStrict, proveSloppy]) {
    for (let index = 0; index < plan.keys; index++) {
      const key = keyOf(index);
      const holders = world.primaries(key).filter((machine) => core.includes(machine));
      prove(world, core, key, { sound: holders.filter((machine) => isSound(machine, key)), turn: index });
      await schedule.run(schedule.nowMs + STEP_MS);
    }
    await schedule.run(schedule.nowMs + plan.requestTimeoutMs);
  }
}

/** Primaries of a key in the core that are complete and whose record is sound; who is asked goes by `turn`. */
interface Replicas {
  readonly sound: readonly Machine[];
  readonly turn: number;
}

/** Strict quorums count only those whose present life a majority of all nodes has seen (R12). */
function proveStrict(world: World, core: readonly Machine[], key: Key, { sound, turn }: Replicas): void {
  const seen = sound.filter((machine) => isSeen(world, machine));
  const coordinator = seen[turn % Math.max(1, seen.length)];
  const reader = core[turn % core.length]!;
  if (!coordinator) return;
  demandRead(world, reader, key, { wanted: seen.length, quorum: 'strict' }, () => undefined);
  const read = { wanted: seen.length, quorum: 'strict' as const };
  const write = { wanted: sound.length, quorum: 'strict' as const };
  demandRead(world, coordinator, key, read, ({ version }, n) => {
    demandWrite(world, coordinator, key, write, { fromVersion: version ?? '', from: n });
  });
}

/** Fallbacks in the core stand in for primaries outside it. */
function proveSloppy(world: World, core: readonly Machine[], key: Key, { sound, turn }: Replicas): void {
  const primaries = world.primaries(key);
  const coordinator = sound[turn % Math.max(1, sound.length)];
  if (!coordinator) return;
  const fallbacks = core.filter((machine) => !primaries.includes(machine) && isSound(machine, key)).length;
  const away = primaries.filter((machine) => !core.includes(machine)).length;
  const standIns = world.plan.limits.hintsMax < ROOMY_HINTS ? 0 : Math.min(fallbacks, away);
  const read = { wanted: sound.length, quorum: 'sloppy' as const };
  const write = { wanted: sound.length + standIns, quorum: 'sloppy' as const };
  demandRead(world, coordinator, key, read, ({ version }, n) => {
    demandWrite(world, coordinator, key, write, { fromVersion: version ?? '', from: n });
  });
}

/** Every key through every node, from all replicas that count: what was acknowledged has to be there (I2). */
export async function readEverything(world: World): Promise<void> {
  const { plan, schedule, machines, judge } = world;
  for (let index = 0; index < plan.keys; index++) {
    const key = keyOf(index);
    const sound = world.primaries(key).filter((machine) => isSound(machine, key));
    for (const machine of machines) {
      if (sound.length === 0 || plan.limits.cellBytesMax < ROOMY_BYTES) continue;
      const strict = { wanted: sound.length, quorum: 'strict' as const };
      demandRead(world, machine, key, strict, (answer, n) => {
        const request = { n, sentAtMs: schedule.nowMs, client: CLIENT, node: machine.index, key };
        judge.final({ ...request, ...strict }, answer);
      });
      await schedule.run(schedule.nowMs + STEP_MS / 4);
    }
  }
}

/** Whether it counts for the key. */
function isSound(machine: Machine, key: Key): boolean {
  return isComplete(machine) && !machine.directory.quarantined.has(key);
}

function isSeen({ plan }: World, { life }: Machine): boolean {
  return life !== undefined && 2 * (life.heardFrom.size + 1) > plan.nodes;
}

interface Demand {
  readonly wanted: number;
  readonly quorum: Quorum;
}

function demandRead(
  world: World,
  { index, id }: Machine,
  key: Key,
  { wanted, quorum }: Demand,
  then: (answer: Answer, n: number) => void,
): void {
  world.send({ client: CLIENT, node: index, key, wanted, quorum }, (answer, { n }) => {
    if (answer.outcome === 'ok') then(answer, n);
    else
      world.report(
        'liveness',
        `a ${quorum} read of ${key} at ${id} with R=${String(wanted)} ended in ${answer.code}`,
      );
  });
}

function demandWrite(
  world: World,
  { index, id }: Machine,
  key: Key,
  { wanted, quorum }: Demand,
  known: { readonly fromVersion: string; readonly from: number },
): void {
  const { fromVersion, from } = known;
  const value = `${quorum}${key}`;
  const write = { value, deletes: false, valueBytes: 0, from, fromVersion, onConflict: 'refuse' as const };
  world.send({ client: CLIENT, node: index, key, wanted, quorum, write }, (answer) => {
    if (answer.outcome === 'ok') return;
    world.report(
      'liveness',
      `a ${quorum} write of ${key} at ${id} with W=${String(wanted)} ended in ${answer.code}`,
    );
  });
}
