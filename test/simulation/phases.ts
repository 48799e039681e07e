import type { Key } from '../../services/node/core/types.js';
import type { Machine } from './machine.js';
import type { Answer } from './requests.js';
import { keyOf } from './values.js';
import type { World } from './world.js';

/** What the simulator itself asks when the chaos is over. */

const STEP_MS = 120;
/** Below this, a record of many siblings may be more than a node accepts. */
const ROOMY_BYTES = 128 * 1024;
const CLIENT = 0;

/** On the healed core every read and write that a strict quorum makes possible has to succeed, at the first attempt. */
export async function proveLiveness(world: World): Promise<void> {
  const { plan, schedule, machines } = world;
  if (plan.limits.cellBytesMax < ROOMY_BYTES) return;
  const core = plan.core.nodes.map((index) => machines[index]!);
  for (let index = 0; index < plan.keys; index++) {
    const key = keyOf(index);
    const holders = world.primaries(key).filter((machine) => core.includes(machine) && isComplete(machine));
    const sound = holders.filter((machine) => !machine.directory.quarantined.has(key));
    const coordinator = sound[index % Math.max(1, sound.length)];
    const reader = core[index % core.length]!;
    if (!coordinator) continue;
    demandRead(world, reader, key, sound.length, () => undefined);
    demandRead(world, coordinator, key, sound.length, ({ version }, n) => {
      demandWrite(world, coordinator, key, { wanted: holders.length, fromVersion: version ?? '', from: n });
    });
    await schedule.run(schedule.nowMs + STEP_MS);
  }
  await schedule.run(schedule.nowMs + plan.requestTimeoutMs);
}

/** Every key through every node, from all replicas that count: what was acknowledged has to be there (I2). */
export async function readEverything(world: World): Promise<void> {
  const { plan, schedule, machines, judge } = world;
  for (let index = 0; index < plan.keys; index++) {
    const key = keyOf(index);
    const sound = world
      .primaries(key)
      .filter((machine) => isComplete(machine) && !machine.directory.quarantined.has(key));
    for (const machine of machines) {
      if (sound.length === 0 || plan.limits.cellBytesMax < ROOMY_BYTES) continue;
      demandRead(world, machine, key, sound.length, (answer, n) => {
        const request = { n, sentAtMs: schedule.nowMs, client: CLIENT, node: machine.index, key };
        judge.final({ ...request, wanted: sound.length, quorum: 'strict' }, answer);
      });
      await schedule.run(schedule.nowMs + STEP_MS / 4);
    }
  }
}

function isComplete({ life }: Machine): boolean {
  return life?.node.complete() === true;
}

function demandRead(
  world: World,
  { index, id }: Machine,
  key: Key,
  wanted: number,
  then: (answer: Answer, n: number) => void,
): void {
  world.send({ client: CLIENT, node: index, key, wanted, quorum: 'strict' }, (answer, { n }) => {
    if (answer.outcome === 'ok') then(answer, n);
    else
      world.report('liveness', `a read of ${key} at ${id} with R=${String(wanted)} ended in ${answer.code}`);
  });
}

function demandWrite(
  world: World,
  { index, id }: Machine,
  key: Key,
  known: { readonly wanted: number; readonly fromVersion: string; readonly from: number },
): void {
  const { wanted, fromVersion, from } = known;
  const value = `live${key}`;
  const write = { value, deletes: false, valueBytes: 0, from, fromVersion, onConflict: 'refuse' as const };
  world.send({ client: CLIENT, node: index, key, wanted, quorum: 'strict', write }, (answer) => {
    if (answer.outcome === 'ok') return;
    world.report('liveness', `a write of ${key} at ${id} with W=${String(wanted)} ended in ${answer.code}`);
  });
}
