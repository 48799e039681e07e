import { createClients } from './clients.js';
import type { Violation } from './checkers/scene.js';
import { createFaults, type Faults } from './faults.js';
import type { FaultName } from './figures.js';
import { proveLiveness, readEverything } from './phases.js';
import type { Plan } from './plan.js';
import { expectQuiet } from './quiet.js';
import type { Seed } from './random.js';
import { keyOf } from './values.js';
import { createWorld, type World } from './world.js';

/** What became of one plan. Plain data. */
export interface SimulationResult {
  readonly seed: Seed;
  /** The same for the same plan, always. */
  readonly hash: string;
  readonly violations: readonly Violation[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly requests: number;
  readonly acknowledged: number;
  readonly messages: number;
  readonly faults: readonly (readonly [FaultName, number])[];
  /** What happened, where it was asked for. */
  readonly lines: readonly string[];
}

export interface SimulationOptions {
  readonly keepsLines?: boolean;
}

/**
 * Runs a plan to its end: chaos, in which nothing may be promised and broken; a core healed and the rest away, where what
 * is possible must succeed; all healed, where everything acknowledged must be there; rest, where nothing may be left.
 */
export async function simulate(plan: Plan, options: SimulationOptions = {}): Promise<SimulationResult> {
  const world = createWorld(plan, options.keepsLines === true);
  const counts = countAnswers(world);
  const faults = createFaults(world);
  for (const machine of world.machines) machine.start();
  begin(counts.world, faults);
  const { schedule } = world;
  await schedule.run(plan.chaosMs);
  const rejoin = healCore(world, faults);
  await schedule.run(schedule.nowMs + settleMs(plan) + recoverMs(plan));
  await proveLiveness(counts.world);
  rejoin();
  healAll(world, faults);
  await schedule.run(schedule.nowMs + drainMs(plan));
  // Reads would mend what repair has not.
  await expectQuiet(world);
  const keys = Array.from({ length: plan.keys }, (_, i) => keyOf(i));
  await betweenReapings(world, () => world.judge.isForgetting(world.machines, keys));
  world.judge.converged(world.machines, keys, world.registry);
  await readEverything(counts.world);
  await schedule.run(schedule.nowMs + settleMs(plan));
  await betweenReapings(world, () => isStoring(world));
  for (const machine of world.machines) world.judge.atRest(machine);
  await stopAll(world);
  world.judge.conclude();
  return resultOf(world, counts);
}

interface Counts {
  readonly world: World;
  requests: number;
  acknowledged: number;
}

function countAnswers(world: World): Counts {
  const counts: Counts = {
    requests: 0,
    acknowledged: 0,
    world: {
      ...world,
      send: (asked, done) => {
        counts.requests++;
        world.send(asked, (answer, request) => {
          if (request.write && answer.outcome === 'ok') counts.acknowledged++;
          done(answer, request);
        });
      },
    },
  };
  return counts;
}

function begin(world: World, faults: Faults): void {
  const { schedule, plan } = world;
  const clients = createClients(plan, {
    send: (asked, done) => {
      world.send(asked, (answer, { n }) => {
        done(answer, n);
      });
    },
    after: (ms, task) => {
      if (schedule.nowMs + ms < plan.chaosMs) schedule.after(ms, task);
    },
  });
  for (const fault of plan.faults) {
    schedule.at(fault.at, () => {
      faults.begin(fault);
    });
  }
  for (const operation of plan.operations) {
    schedule.at(operation.at, () => {
      clients.perform(operation);
    });
  }
}

/** Longer than any request that was under way, and than a disk needs to recover. */
function settleMs({ requestTimeoutMs }: Plan): number {
  return requestTimeoutMs + 2500;
}

/** Longer than it takes until a node that was away again and again counts as alive. */
function recoverMs({ nodeTimeoutMs }: Plan): number {
  return 4 * nodeTimeoutMs;
}

/** Longer than the longest pause between deliveries of hints, and than it takes to compare with everybody twice, beside. */
function drainMs(plan: Plan): number {
  return settleMs(plan) + recoverMs(plan) + 6000 + 2 * plan.antiEntropyMs + plan.nodes * 1500;
}

/**
 * The network is calm, the core lives and its members reach each other; the rest is dead or cut off. Returns what takes
 * the cut back.
 */
function healCore(world: World, faults: Faults): () => void {
  const { plan, machines, network, schedule } = world;
  world.trace.tell(
    schedule.nowMs,
    () => `-- only ${plan.core.nodes.map(nameOf).join(' ')} healed, the rest ${plan.core.rest}`,
  );
  const rest = machines.filter((machine) => !plan.core.nodes.includes(machine.index));
  if (plan.core.rest === 'dead') for (const machine of rest) faults.dead.add(machine);
  faults.endAll();
  Object.assign(network.weather, { lossRate: 0, duplicationRate: 0, delayMs: 1, jitterMs: 2 });
  for (const machine of machines) {
    if (!faults.dead.has(machine)) machine.start();
    else machine.crash('torn');
  }
  if (plan.core.rest === 'dead') return () => undefined;
  const links = rest.flatMap(({ id }) =>
    plan.core.nodes.map(nameOf).flatMap((core) => [`${id}>${core}`, `${core}>${id}`]),
  );
  return network.cut(links, false);
}

const LOOKS = 20;
const LOOK_MS = 100;

/** What has expired is reaped whenever that is: it may be so at any moment, but not at all of them. */
async function betweenReapings({ schedule }: World, isReaping: () => boolean): Promise<void> {
  for (let looks = 0; looks < LOOKS && isReaping(); looks++) await schedule.run(schedule.nowMs + LOOK_MS);
}

function isStoring({ machines }: World): boolean {
  return machines.some(({ life }) => (life?.node.sizes().cells ?? 0) > 0);
}

function healAll(world: World, faults: Faults): void {
  world.trace.tell(world.schedule.nowMs, () => '-- everything healed');
  faults.dead.clear();
  for (const machine of world.machines) machine.start();
}

async function stopAll(world: World): Promise<void> {
  const { machines, schedule, report } = world;
  for (const machine of machines) {
    const { life } = machine;
    machine.stop(() => {
      const timers = life?.clock.timers ?? 0;
      if (timers > 0) report('I11', `${machine.id} stopped and left ${String(timers)} timers`);
    });
  }
  await schedule.run(schedule.nowMs + settleMs(world.plan));
  for (const { id, life } of machines) if (life) report('I11', `${id} did not stop`);
  const unanswered = world.judge.unanswered();
  if (unanswered > 0) report('I11', `${String(unanswered)} requests were never answered`);
}

function resultOf({ plan, schedule, trace, figures, judge }: World, counts: Counts): SimulationResult {
  trace.event(schedule.nowMs, `end after ${String(schedule.events)} events`);
  return {
    seed: plan.seed,
    hash: trace.hash(),
    violations: judge.violations,
    simulatedMs: schedule.nowMs,
    events: schedule.events,
    requests: counts.requests,
    acknowledged: counts.acknowledged,
    messages: figures.messages,
    faults: [...figures.faults].sort(([a], [b]) => (a < b ? -1 : 1)),
    lines: trace.lines,
  };
}

function nameOf(index: number): string {
  return `n${String(index + 1)}`;
}
