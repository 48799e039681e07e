import type { Fault, RegistryPlan } from './plan.js';
import type { Random } from './random.js';

/** Plans in which the document lies in a registry beside the nodes, and what befalls that. */

const REGISTRY_CHANCE = 0.4;
const FAULTS_MAX = 5;

interface Size {
  readonly nodes: number;
  readonly chaosMs: number;
}

export interface RegistryPart {
  readonly registry?: RegistryPlan;
  readonly faults: readonly Fault[];
}

export function expandRegistry(random: Random, size: Size): RegistryPart {
  if (!random.chance(REGISTRY_CHANCE)) return { faults: [] };
  const registry = {
    delayMs: random.pick([1, 1, 20, 300]),
    lossRate: random.pick([0, 0, 0.05, 0.3]),
    noticeMs: random.pick([20, 20, 2000]),
    noticeLossRate: random.pick([0, 0.2, 1]),
  };
  const faults = Array.from({ length: random.between(0, FAULTS_MAX) }, () => expandFault(random, size));
  return { registry, faults };
}

function expandFault(random: Random, { nodes, chaosMs }: Size): Fault {
  const at = random.between(0, chaosMs - 100);
  const forMs = random.pick([300, 3000, 12_000]);
  const order = random.shuffled(Array.from({ length: nodes }, (_, i) => i));
  const of = order.slice(0, random.between(1, nodes - 1));
  switch (random.pick(['away', 'awayOfSome', 'wiped', 'view'] as const)) {
    case 'away':
      return { kind: 'registryAway', at, forMs };
    case 'awayOfSome':
      return { kind: 'registryAway', at, forMs, of };
    case 'wiped':
      return { kind: 'registryWiped', at };
    case 'view':
      return { kind: 'registryView', at, forMs, how: random.pick(['flap', 'hide', 'age']), of };
  }
}
