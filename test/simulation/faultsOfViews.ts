import type { NodeId } from '../../services/node/core/types.js';
import type { Machine } from './machine.js';
import type { Fault } from './plan.js';
import type { World } from './world.js';

export type ViewFault = Extract<Fault, { kind: 'deaf' | 'oldView' | 'echo' }>;

/** Carries out a fault of what nodes know of each other; `endAfter` has it taken back. */
export function mislead(
  { figures, network, machines }: World,
  fault: ViewFault,
  endAfter: (forMs: number, end: () => void) => void,
): void {
  figures.count(fault.kind);
  switch (fault.kind) {
    case 'deaf': {
      const self = machines[fault.node]!.id;
      const links = fault.of.map((other) => `${machines[other]!.id}>${self}`);
      endAfter(fault.forMs, network.hush(links, fault.lateMs));
      return;
    }
    case 'oldView':
      tellOldView(
        machines[fault.node]!,
        fault.of.map((other) => machines[other]!.id),
      );
      return;
    case 'echo':
      endAfter(fault.forMs, network.echo(fault));
  }
}

/** It also tells of the node itself, and of one that nobody else knows: neither may come to anything. */
function tellOldView({ id, life }: Machine, others: readonly NodeId[]): void {
  if (!life) return;
  life.gate.enter(() => {
    for (const other of others) life.runtime.seen(other, `${other}-old`);
    life.runtime.seen(id, `${id}-old`);
    life.runtime.seen('gone' as NodeId, 'gone');
  });
}

export function describeView(fault: ViewFault): string {
  if (fault.kind === 'echo') {
    const late = `up to ${String(fault.lateMs)} ms later`;
    return `${String(fault.rate)} of what is about the document comes again ${late}, for ${String(fault.forMs)} ms`;
  }
  const others = fault.of.map((other) => `n${String(other + 1)}`).join(' ');
  const node = `n${String(fault.node + 1)}`;
  if (fault.kind === 'oldView') return `an old view tells ${node} of ${others}`;
  const how = fault.lateMs === undefined ? 'not at all' : `${String(fault.lateMs)} ms late`;
  return `${node} hears answers to its probes of ${others} ${how}, for ${String(fault.forMs)} ms`;
}
