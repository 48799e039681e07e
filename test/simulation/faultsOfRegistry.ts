import { storedCluster } from '../../services/node/core/membership/storedCluster.js';
import type { Fault } from './plan.js';
import type { SimulatedRegistry } from './registry.js';
import type { World } from './world.js';

export type RegistryFault = Extract<Fault, { kind: 'registryAway' | 'registryWiped' | 'registryView' }>;

/** Carries out a fault of the registry; `endAfter` has it taken back. */
export function disturbRegistry(
  world: World,
  fault: RegistryFault,
  endAfter: (forMs: number, end: () => void) => void,
): void {
  const { registry, machines, figures } = world;
  if (!registry) return;
  figures.count(fault.kind);
  switch (fault.kind) {
    case 'registryAway':
      endAfter(fault.forMs, registry.cut(fault.of?.map((node) => machines[node]!.id)));
      return;
    case 'registryWiped':
      if (isSpread(world, registry)) registry.wipe();
      return;
    case 'registryView':
      mislead(world, registry, fault, endAfter);
  }
}

function mislead(
  { machines }: World,
  { catalog }: SimulatedRegistry,
  fault: Extract<Fault, { kind: 'registryView' }>,
  endAfter: (forMs: number, end: () => void) => void,
): void {
  const of = fault.of.map((node) => machines[node]!.id);
  const all = machines.map(({ id }) => id);
  if (fault.how === 'age') endAfter(fault.forMs, catalog.age(of));
  else if (fault.how === 'hide') endAfter(fault.forMs, catalog.hide(of, all));
  else for (const node of of) endAfter(fault.forMs, catalog.flap(node));
}

/** A majority has what it holds: what only a minority has could come to be a second one of its epoch. */
function isSpread({ machines }: World, { stored }: SimulatedRegistry): boolean {
  const epoch = storedCluster(stored?.text ?? '')?.document.epoch ?? Infinity;
  const holders = machines.filter(({ directory }) => (directory.cluster?.document.epoch ?? 0) >= epoch);
  return 2 * holders.length > machines.length;
}

export function describeRegistryFault(fault: RegistryFault): string {
  if (fault.kind === 'registryWiped') return 'the registry forgets all';
  const nodes = fault.of?.map((node) => `n${String(node + 1)}`).join(' ') ?? 'all';
  const time = `for ${String(fault.forMs)} ms`;
  if (fault.kind === 'registryAway') return `the registry is away from ${nodes} ${time}`;
  return `the registry's view of nodes: ${fault.how} of ${nodes} ${time}`;
}
