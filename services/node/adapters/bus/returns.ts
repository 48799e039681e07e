import type { Message } from '../../core/protocol/messages.js';
import type { NodeId } from '../../core/types.js';
import type { BusHandlers } from '../../ports/bus.js';

/** Messages on their way back, one turn later: a caller is never called from inside its own send. */
export interface Returns {
  add(to: NodeId, message: Message): void;
  /** Hands back what is left; later ones are dropped. */
  end(): void;
}

export function createReturns(handlers: Pick<BusHandlers, 'onUnroutable'>): Returns {
  let waiting: { to: NodeId; message: Message }[] = [];
  let scheduled: NodeJS.Immediate | undefined;
  let ended = false;

  function deliver(): void {
    scheduled = undefined;
    const batch = waiting;
    waiting = [];
    for (const { to, message } of batch) handlers.onUnroutable(to, message);
  }

  return {
    add: (to, message) => {
      if (ended) return;
      waiting.push({ to, message });
      scheduled ??= setImmediate(deliver);
    },
    end: () => {
      ended = true;
      clearImmediate(scheduled);
      deliver();
    },
  };
}
