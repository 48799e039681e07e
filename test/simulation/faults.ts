import type { NodeId } from '../../services/node/core/types.js';
import { copyDirectory, type Directory } from './directory.js';
import type { FaultName } from './figures.js';
import { describeRegistryFault, disturbRegistry } from './faultsOfRegistry.js';
import { describeView, mislead } from './faultsOfViews.js';
import type { Machine } from './machine.js';
import type { LinkName } from './network.js';
import type { Fault, Link } from './plan.js';
import { keyOf } from './values.js';
import type { World } from './world.js';

/** Carries out faults, and can end all of them at once. */
export interface Faults {
  begin(fault: Fault): void;
  /** Takes back everything at once, and has later faults end as they begin; what is in `dead` stays so. */
  endAll(): void;
  /** Processes that are not started again. */
  readonly dead: Set<Machine>;
}

type OldDisk = Extract<Fault, { kind: 'oldDisk' }>;

/** What an `oldDisk` puts back, and whether that makes a difference that others were told of. */
interface OldCopy {
  copy: Directory;
  wentOn: boolean;
}

/** What is going on, and what will be. */
interface Ends {
  readonly running: Set<() => void>;
  readonly dead: Set<Machine>;
  readonly copies: Map<Fault, OldCopy>;
  over: boolean;
}

export function createFaults(world: World): Faults {
  const ends: Ends = { running: new Set(), dead: new Set(), copies: new Map(), over: false };
  keepCopies(world, ends);
  return {
    dead: ends.dead,
    begin: (fault) => {
      world.trace.event(world.schedule.nowMs, `fault ${fault.kind}`);
      world.trace.tell(world.schedule.nowMs, () => `-- ${describeFault(fault)}`);
      begin(world, ends, fault);
    },
    endAll: () => {
      ends.over = true;
      for (const end of [...ends.running]) end();
    },
  };
}

/** Has `end` called after a time, or earlier when all faults end. */
function endAfter({ schedule }: World, ends: Ends, forMs: number, end: () => void): void {
  const once = (): void => {
    if (ends.running.delete(once)) end();
  };
  ends.running.add(once);
  schedule.after(ends.over ? 0 : forMs, once);
}

function begin(world: World, ends: Ends, fault: Fault): void {
  switch (fault.kind) {
    case 'crash':
    case 'restart':
    case 'oldDisk':
      stopProcess(world, ends, fault);
      return;
    case 'crashIn':
      setTrap(world, ends, fault);
      return;
    case 'pause':
      pause(world, ends, fault);
      return;
    case 'cut': {
      count(world, fault.kind, `cut:${fault.shape}`);
      endAfter(world, ends, fault.forMs, world.network.cut(namesOf(fault.links), fault.bounces));
      return;
    }
    case 'clog': {
      count(world, fault.kind, `clog:${fault.shape}`);
      endAfter(world, ends, fault.forMs, world.network.clog(namesOf(fault.links)));
      return;
    }
    case 'storm':
      storm(world, ends, fault);
      return;
    case 'diskError':
    case 'slowDisk':
      disturbDisk(world, ends, fault);
      return;
    case 'deaf':
    case 'oldView':
    case 'echo':
      mislead(world, fault, (forMs, end) => {
        endAfter(world, ends, forMs, end);
      });
      return;
    case 'registryAway':
    case 'registryWiped':
    case 'registryView':
      disturbRegistry(world, fault, (forMs, end) => {
        endAfter(world, ends, forMs, end);
      });
      return;
    case 'damage':
      damage(world, fault.node, fault.key);
      return;
    case 'clockJump':
      count(world, fault.kind);
      world.machines[fault.node]!.wall.offsetMs += fault.byMs;
  }
}

function stopProcess(
  world: World,
  ends: Ends,
  fault: Extract<Fault, { kind: 'crash' | 'restart' | 'oldDisk' }>,
): void {
  const machine = world.machines[fault.node]!;
  if (!machine.life) return;
  count(world, fault.kind);
  const restart = (): void => {
    endAfter(world, ends, fault.forMs, () => {
      if (!ends.dead.has(machine)) machine.start();
    });
  };
  if (fault.kind !== 'oldDisk' && fault.moves) {
    count(world, 'move');
    machine.move();
  }
  if (fault.kind === 'restart') {
    machine.stop(restart);
    return;
  }
  machine.crash(fault.kind === 'crash' ? fault.batch : 'torn');
  if (fault.kind === 'crash' && fault.disk !== 'same') {
    count(world, 'wipe', `wipe:${fault.disk}`);
    machine.wipe(fault.disk === 'gone' ? 'all' : 'database');
  }
  if (fault.kind === 'oldDisk') putBack(ends, machine, fault);
  restart();
}

/** Until it is over with all faults; what springs it is still under way then, and the crash comes behind that. */
function setTrap(world: World, ends: Ends, fault: Extract<Fault, { kind: 'crashIn' }>): void {
  if (ends.over) return;
  const { during, passing, forMs } = fault;
  const over = (): void => {
    ends.running.delete(over);
    disarm();
  };
  const spring = (node: NodeId): void => {
    ends.running.delete(over);
    const machine = world.machines.find(({ id }) => id === node)!;
    count(world, fault.kind, `crashIn:${during}`);
    world.schedule.after(0, () => {
      machine.crash('torn');
      endAfter(world, ends, forMs, () => {
        if (!ends.dead.has(machine)) machine.start();
      });
    });
  };
  const disarm = world.traps.set({ key: keyOf(fault.key), during, passing, spring });
  ends.running.add(over);
}

/** Has the directories copied that a later `oldDisk` will put back. */
function keepCopies({ plan, schedule, machines }: World, { copies }: Ends): void {
  for (const fault of plan.faults) {
    if (fault.kind !== 'oldDisk') continue;
    const machine = machines[fault.node]!;
    const kept = { copy: machine.directory, wentOn: fault.toldMs === undefined };
    copies.set(fault, kept);
    schedule.at(fault.at - fault.agoMs, () => {
      kept.copy = copyDirectory(machine.directory);
    });
    schedule.at(fault.at - (fault.toldMs ?? 0), () => {
      kept.wentOn ||= machine.directory.sequence > kept.copy.sequence;
    });
  }
}

function putBack({ copies }: Ends, machine: Machine, fault: OldDisk): void {
  const kept = copies.get(fault);
  if (kept?.wentOn === true) machine.replaceDirectory(kept.copy);
}

function pause(world: World, ends: Ends, { node, forMs }: Extract<Fault, { kind: 'pause' }>): void {
  const machine = world.machines[node]!;
  const { life } = machine;
  if (!life || life.gate.frozen) return;
  count(world, 'pause');
  machine.pause();
  endAfter(world, ends, forMs, () => {
    if (machine.life === life) machine.resume();
  });
}

function storm(world: World, ends: Ends, fault: Extract<Fault, { kind: 'storm' }>): void {
  const { weather } = world.network;
  const before = { lossRate: weather.lossRate, duplicationRate: weather.duplicationRate };
  const { lossRate, duplicationRate, forMs } = fault;
  count(world, 'storm');
  Object.assign(weather, { lossRate, duplicationRate });
  endAfter(world, ends, forMs, () => Object.assign(weather, before));
}

function disturbDisk(
  world: World,
  ends: Ends,
  fault: Extract<Fault, { kind: 'diskError' | 'slowDisk' }>,
): void {
  const { disk } = world.machines[fault.node]!;
  count(world, fault.kind);
  const isError = fault.kind === 'diskError';
  Object.assign(disk, isError ? { failing: true, failedReaches: fault.reaches } : { slowMs: fault.syncMs });
  endAfter(world, ends, fault.forMs, () => Object.assign(disk, isError ? { failing: false } : { slowMs: 0 }));
}

function damage(world: World, node: number, key: number): void {
  if (world.machines[node]!.damage(keyOf(key))) count(world, 'damage');
}

function count({ figures }: World, ...names: FaultName[]): void {
  for (const name of names) figures.count(name);
}

function namesOf(links: readonly Link[]): LinkName[] {
  return links.map(([from, to]) => `n${String(from + 1)}>n${String(to + 1)}`);
}

function describeFault(fault: Fault): string {
  const node = 'node' in fault ? ` n${String(fault.node + 1)}` : '';
  const time = 'forMs' in fault ? ` for ${String(fault.forMs)} ms` : '';
  switch (fault.kind) {
    case 'crash': {
      const disk = fault.disk === 'same' ? '' : `, its disk ${fault.disk}`;
      return `crash of${node}${time}, the batch under way ${fault.batch}${disk}`;
    }
    case 'crashIn':
      return `the next crash in ${fault.during} of ${keyOf(fault.key)} is set for, ${String(fault.passing)} may pass${time}`;
    case 'cut':
    case 'clog':
      return `${fault.kind} (${fault.shape}) of ${namesOf(fault.links).join(' ')}${time}`;
    case 'storm':
      return `storm${time}: ${String(fault.lossRate)} lost, ${String(fault.duplicationRate)} twice`;
    case 'damage':
      return `damage of ${keyOf(fault.key)} on${node}`;
    case 'clockJump':
      return `clock of${node} jumps by ${String(fault.byMs)} ms`;
    case 'deaf':
    case 'oldView':
    case 'echo':
      return describeView(fault);
    case 'registryAway':
    case 'registryWiped':
    case 'registryView':
      return describeRegistryFault(fault);
    case 'slowDisk':
      return `slow disk on${node}${time}: ${String(fault.syncMs)} ms more a batch`;
    case 'diskError':
      return `disk of${node} fails${time}${fault.reaches ? ', what failed reaches it after all' : ''}`;
    case 'oldDisk':
      return `crash of${node}${time}, its disk put back to ${String(fault.agoMs)} ms before`;
    case 'restart':
    case 'pause':
      return `${fault.kind} of${node}${time}`;
  }
}
