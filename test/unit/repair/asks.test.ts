import { describe, expect, it } from '@jest/globals';
import type { Effect } from '../../../services/node/core/protocol/events.js';
import type { Message } from '../../../services/node/core/protocol/messages.js';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { Asks } from '../../../services/node/core/repair/asks.js';
import type { Key } from '../../../services/node/core/types.js';
import { B, C } from './support.js';

const REPLY = (request: number): Message => ({ type: 'pulled', request, answer: { status: 'missing' } });

/** Questions at 1000 ms; what became of them, in order. */
function asking() {
  const outbox = new Outbox();
  let last = 0;
  const asks = new Asks(outbox, () => ++last);
  const ended: string[] = [];
  outbox.begin({ monotonicMs: 1000, wallMs: 0 });
  const ask = (timeoutMs: number, then: () => void = () => undefined): void => {
    const name = last + 1;
    asks.ask(
      name === 2 ? C : B,
      (request) => ({ type: 'pull', request, key: 'k' as Key }),
      timeoutMs,
      (reply) => {
        ended.push(`${name} ${reply?.type ?? 'nothing'}`);
        then();
      },
    );
  };
  const sent = () => outbox.take().filter((e): e is Extract<Effect, { type: 'send' }> => e.type === 'send');
  return { asks, ask, sent, take: () => ended.splice(0) };
}

describe('questions of repair to other nodes', () => {
  it('go out on the bulk lane, each with a number of its own and the time that it has', () => {
    const { ask, sent } = asking();
    ask(300);
    ask(70);
    expect(sent()).toMatchObject([
      { to: B, bulk: true, remainingMs: 300, message: { type: 'pull', request: 1 } },
      { to: C, bulk: true, remainingMs: 70, message: { type: 'pull', request: 2 } },
    ]);
  });

  it.each([
    ['a reply', (asks: Asks) => asks.onReply(REPLY(1)), '1 pulled'],
    ['no way to its node', (asks: Asks) => asks.onUnroutable(1), '1 nothing'],
    ['its deadline', (asks: Asks) => asks.expire(1300), '1 nothing'],
  ])('end exactly once: first by %s', (_, end, expected) => {
    const { asks, ask, take } = asking();
    ask(300);
    end(asks);
    expect([take(), asks.size]).toEqual([[expected], 0]);
    asks.onReply(REPLY(1));
    asks.onUnroutable(1);
    asks.expire(9999);
    expect(take()).toEqual([]);
  });

  it('end at their own deadlines and not before', () => {
    const { asks, ask, take } = asking();
    ask(300);
    ask(70);
    asks.expire(1069);
    expect(take()).toEqual([]);
    asks.expire(1070);
    expect([take(), asks.size]).toEqual([['2 nothing'], 1]);
    asks.expire(1299);
    expect(take()).toEqual([]);
  });

  it('take no reply to another question', () => {
    const { asks, ask, take } = asking();
    ask(300);
    asks.onReply(REPLY(2));
    expect([take(), asks.size]).toEqual([[], 1]);
  });

  it('may be asked anew from where the last one ended', () => {
    const { asks, ask, take } = asking();
    ask(10, () => {
      ask(500);
    });
    ask(10);
    asks.expire(1010);
    expect([take(), asks.size]).toEqual([['1 nothing', '2 nothing'], 1]);
    asks.onReply(REPLY(3));
    expect(take()).toEqual(['3 pulled']);
  });
});
