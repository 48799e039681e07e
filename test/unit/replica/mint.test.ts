import { describe, expect, it } from '@jest/globals';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { Mint } from '../../../services/node/core/replica/mint.js';
import type { Actor, ClockEntry } from '../../../services/node/core/types.js';

const [OWN, SPARE] = ['own', 'spare'] as [Actor, Actor];

function createMint(counter = 7): Mint {
  const outbox = new Outbox();
  outbox.begin({ monotonicMs: 0, wallMs: 123 });
  return new Mint({ actor: OWN, counter, spareActor: SPARE, outbox });
}

const entryOf = (actor: Actor, counter: number): ClockEntry => ({ actor, counter, timestamp: 123 });

describe('the dots of a node (I4, R2, R12)', () => {
  it('go on after the highest counter that was used, once the node is vouched for', () => {
    const mint = createMint();
    expect([mint.nextEntry(true), mint.nextEntry(true)]).toEqual([entryOf(OWN, 8), entryOf(OWN, 9)]);
    expect([mint.actor, mint.counter]).toEqual([OWN, 9]);
  });

  it('are those of this life before that, and leave the counter of the directory alone', () => {
    const mint = createMint();
    expect([mint.nextEntry(false), mint.nextEntry(true), mint.nextEntry(false)]).toEqual([
      entryOf(SPARE, 1),
      entryOf(OWN, 8),
      entryOf(SPARE, 2),
    ]);
    expect([mint.actor, mint.counter]).toEqual([OWN, 8]);
  });

  it('are those of this life for good once the directory is given up, and go on from where they were', () => {
    const mint = createMint();
    mint.nextEntry(false);
    mint.renounce();
    expect([mint.actor, mint.counter]).toEqual([SPARE, 1]);
    expect([mint.nextEntry(true), mint.nextEntry(false)]).toEqual([entryOf(SPARE, 2), entryOf(SPARE, 3)]);
    expect([mint.actor, mint.counter, mint.renounced]).toEqual([SPARE, 3, true]);
  });

  it('show an old copy where a clock has one of the directory that it has not used', () => {
    const mint = createMint();
    const clocks = [
      [entryOf(OWN, 7)],
      [entryOf(OWN, 8)],
      [entryOf(SPARE, 50)],
      [entryOf('other' as Actor, 99)],
      [],
    ];
    expect(clocks.map((clock) => mint.isBehind(clock))).toEqual([false, true, false, false, false]);
    mint.nextEntry(true);
    expect(mint.isBehind([entryOf(OWN, 8)])).toBe(false);
  });
});
