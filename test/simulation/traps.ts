import type { Effect } from '../../services/node/core/protocol/events.js';
import type { Key, NodeId } from '../../services/node/core/types.js';
import type { Directory } from './directory.js';

/** What a process is in the midst of when a trap springs. */
export type TrapMoment =
  /** It stands in for another node: the record is durable, the hint is not. */
  | 'standIn'
  /** It is about to forget a record of which it is a replica: its tombstone was reaped. */
  | 'reaping';

export interface Trap {
  readonly key: Key;
  readonly during: TrapMoment;
  /** How many processes may pass before one is caught. */
  readonly passing: number;
  readonly spring: (node: NodeId) => void;
}

/** Waits for what nobody can aim at with a time: each trap springs once. */
export interface Traps {
  /** Returns what takes it away. */
  set(trap: Trap): () => void;
  durable(directory: Directory, key: Key): void;
  stepped(node: NodeId, effects: readonly Effect[]): void;
}

interface Armed extends Trap {
  readonly passed: Set<NodeId>;
}

export function createTraps(isPrimary: (node: NodeId, key: Key) => boolean): Traps {
  const armed = new Set<Armed>();
  const enter = (node: NodeId, key: Key, during: TrapMoment): void => {
    for (const trap of armed) {
      if (trap.key !== key || trap.during !== during) continue;
      trap.passed.add(node);
      if (trap.passed.size <= trap.passing) continue;
      armed.delete(trap);
      trap.spring(node);
    }
  };
  return {
    set: (trap) => {
      const made: Armed = { ...trap, passed: new Set() };
      armed.add(made);
      return () => void armed.delete(made);
    },
    durable: ({ node, hints }, key) => {
      if (armed.size === 0 || isPrimary(node, key)) return;
      const isOwed = [...hints.values()].some((hint) => hint.key === key);
      if (!isOwed) enter(node, key, 'standIn');
    },
    stepped: (node, effects) => {
      if (armed.size === 0) return;
      for (const effect of effects) {
        if (effect.type === 'drop' && isPrimary(node, effect.key)) enter(node, effect.key, 'reaping');
      }
    },
  };
}
