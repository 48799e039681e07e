import type { ReapItem } from '../protocol/messages.js';
import { REAP_ITEMS_MAX } from '../protocol/messages.js';
import type { NodeId } from '../types.js';
import type { Asks } from './asks.js';
import { inTurns } from './inTurns.js';
import type { ReapChecks } from './reapChecks.js';

/** Whom a round of reaping asks, and how. */
export interface ReapRoundParts {
  readonly timeoutMs: number;
  readonly asks: Asks;
  readonly checks: ReapChecks;
  readonly others: () => readonly NodeId[];
}

/** Asks every node, this one included, one message after the other; `then` gets what all agree to. */
export function askEverybody(
  items: readonly ReapItem[],
  parts: ReapRoundParts,
  then: (agreed: readonly ReapItem[]) => void,
): void {
  const agreed: ReapItem[] = [];
  inTurns(
    inMessages(items),
    1,
    (message, done) => {
      askOne(message, parts, (some) => {
        agreed.push(...some);
        done(true);
      });
    },
    () => {
      then(agreed);
    },
  );
}

/** Tells the others. Where that does not arrive all stays, and a later round finds nothing against it. */
export function tellOthers(items: readonly ReapItem[], { asks, timeoutMs, others }: ReapRoundParts): void {
  for (const message of inMessages(items)) {
    for (const node of others()) {
      asks.ask(
        node,
        (request) => ({ type: 'reap', request, phase: 'drop', items: message }),
        timeoutMs,
        () => undefined,
      );
    }
  }
}

function askOne(
  items: readonly ReapItem[],
  { asks, timeoutMs, checks, others }: ReapRoundParts,
  then: (agreed: readonly ReapItem[]) => void,
): void {
  let agreed = new Set(items.keys());
  const keep = (indexes: readonly number[]): boolean => {
    const told = new Set(indexes);
    agreed = new Set([...agreed].filter((index) => told.has(index)));
    return agreed.size > 0;
  };
  const ask = (node: NodeId | undefined, done: (ok: boolean) => void): void => {
    if (node === undefined) {
      const told = (indexes: readonly number[]): void => {
        done(keep(indexes));
      };
      checks.check(items, told, true);
      return;
    }
    asks.ask(
      node,
      (request) => ({ type: 'reap', request, phase: 'ask', items }),
      timeoutMs,
      (reply) => {
        done(keep(reply?.type === 'reaped' ? reply.agreed : []));
      },
    );
  };
  const everybody = [undefined, ...others()];
  inTurns(everybody, everybody.length, ask, () => {
    then(items.filter((_, index) => agreed.has(index)));
  });
}

function inMessages(items: readonly ReapItem[]): readonly (readonly ReapItem[])[] {
  const messages: ReapItem[][] = [];
  for (let at = 0; at < items.length; at += REAP_ITEMS_MAX)
    messages.push(items.slice(at, at + REAP_ITEMS_MAX));
  return messages;
}
