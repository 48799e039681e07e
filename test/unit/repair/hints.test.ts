import { describe, expect, it } from '@jest/globals';
import type { Hint, Key } from '../../../services/node/core/types.js';
import { B, C, createHints, found, type HintFixture, recordOf, TIMEOUT_MS } from './support.js';

const names = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, i) => `k${from + i}`);
const hint = (target: Hint['target'], key: string, order: number): Hint => ({
  target,
  key: key as Key,
  order,
});

/** Delivers all that is due, and says which keys went out, in order. */
function deliverAll(fixture: HintFixture): readonly string[] {
  const keys: string[] = [];
  fixture.tick();
  while (fixture.loads.length > 0) {
    fixture.loaded();
    keys.push(...fixture.sent.map(({ key }) => key));
    fixture.answered();
    fixture.tick(0);
  }
  return keys;
}

describe('a hint that is kept (R4)', () => {
  it('is confirmed when it is durable and not before', () => {
    const fixture = createHints();
    const told: boolean[] = [];
    fixture.keep(B, 'k', (durable) => void told.push(durable));
    expect([fixture.storing, told]).toEqual([[hint(B, 'k', 1)], []]);
    fixture.stored();
    expect([told, fixture.facts]).toEqual([[true], ['hintKept']]);
  });

  it('is stored once for several writes of its key, and confirmed to each', () => {
    const fixture = createHints();
    const told: string[] = [];
    for (const n of [1, 2]) fixture.keep(B, 'k', (durable) => void told.push(`${n} ${durable}`));
    expect([fixture.storing.length, told]).toEqual([1, []]);
    fixture.stored();
    fixture.keep(B, 'k', (durable) => void told.push(`3 ${durable}`));
    expect([fixture.storing.length, told, fixture.hints.total]).toEqual([
      0,
      ['1 true', '2 true', '3 true'],
      1,
    ]);
  });

  it('is another for another target', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.keepAll(C, ['k', 'l']);
    expect(fixture.hints.counts()).toEqual(
      new Map([
        [B, 1],
        [C, 2],
      ]),
    );
  });

  it('is refused over the bound, and taken again below it (I14)', () => {
    const fixture = createHints({ hintsMax: 2 });
    const told: boolean[] = [];
    fixture.keepAll(B, ['x', 'y']);
    expect(fixture.hints.isFull).toBe(true);
    fixture.keep(B, 'z', (durable) => void told.push(durable));
    expect([told, fixture.storing, fixture.hints.total]).toEqual([[false], [], 2]);
    expect(fixture.facts).toContain('hintRefused');

    deliverAll(fixture);
    fixture.keep(B, 'z', (durable) => void told.push(durable));
    fixture.stored();
    expect(told).toEqual([false, true]);
  });

  it('has room set aside for it while its record is on the way to the disk (I14)', () => {
    const { hints, act } = createHints({ hintsMax: 2 });
    const told: boolean[] = [];
    const reserve = () => {
      act(() => {
        told.push(hints.reserve());
      });
    };
    for (let times = 0; times < 3; times++) reserve();
    expect(told.splice(0)).toEqual([true, true, false]);
    hints.release();
    reserve();
    expect(told.splice(0)).toEqual([true]);

    act(() => {
      hints.keepReserved(B, 'k' as Key, () => undefined);
      hints.keepReserved(B, 'k' as Key, () => undefined);
    });
    expect(hints.total).toBe(1);
    for (let times = 0; times < 2; times++) reserve();
    expect(told).toEqual([true, false]);
  });

  it('that the disk refuses is not confirmed, is delivered all the same, and stored when it is asked for again', () => {
    const fixture = createHints();
    const told: string[] = [];
    fixture.keep(B, 'k', (durable) => void told.push(`1 ${durable}`));
    fixture.stored(false);
    fixture.keep(B, 'k', (durable) => void told.push(`2 ${durable}`));
    expect(told).toEqual(['1 false']);
    expect(fixture.storing).toHaveLength(1);
    fixture.stored();
    expect(told).toEqual(['1 false', '2 true']);

    fixture.keep(B, 'l');
    fixture.stored(false);
    expect(deliverAll(fixture)).toEqual(['k', 'l']);
  });
});

describe('a hint that the disk refused', () => {
  it('is not stored again while it is on its way: that would be taken for the store of a later one', () => {
    const fixture = createHints();
    fixture.keep(B, 'k');
    fixture.stored(false);
    fixture.tick();
    expect([fixture.takeKeys(), fixture.storing]).toEqual([['k'], []]);
    fixture.loaded();
    fixture.tick();
    expect(fixture.storing).toEqual([]);

    fixture.unroutable();
    fixture.tick();
    expect(fixture.storing).toEqual([hint(B, 'k', 1)]);
  });
});

describe('the delivery of hints', () => {
  it('goes to a target that is alive, on the bulk lane, and the hint is forgotten when the target has it', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.alive.delete(B);
    fixture.tick();
    expect(fixture.loads).toEqual([]);

    fixture.alive.add(B);
    fixture.tick();
    fixture.loaded();
    expect(fixture.sent).toMatchObject([{ to: B, key: 'k', bulk: true }]);
    expect(fixture.forgotten).toEqual([]);
    fixture.answered();
    expect([fixture.forgotten, fixture.hints.total]).toEqual([['n2 k'], 0]);
    expect(fixture.facts).toContain('hintDelivered');
  });

  it('is oldest first, in a window that moves on with every answer', () => {
    const fixture = createHints();
    fixture.keepAll(B, names(100));
    fixture.tick();
    expect(fixture.takeKeys()).toEqual(names(32));
    fixture.loaded();
    fixture.tick();
    expect(fixture.loads).toEqual([]);

    const [first] = fixture.sent.splice(0, 1);
    fixture.act(() => {
      fixture.hints.onAnswer(first!.request, 'stored');
    });
    expect(fixture.takeKeys()).toEqual(['k32']);
  });

  it('has a window for each target', () => {
    const fixture = createHints();
    fixture.keepAll(B, names(40));
    fixture.keepAll(C, names(40));
    fixture.tick();
    expect(fixture.loads).toHaveLength(64);
  });

  it('sends no more while many bytes are under way, and takes the next to be as large', () => {
    const fixture = createHints();
    fixture.keepAll(B, names(8));
    fixture.tick();
    fixture.loaded(found(recordOf(1, 1024 * 1024)));
    fixture.keepAll(B, names(8, 8));
    fixture.tick();
    expect(fixture.loads).toEqual([]);

    fixture.answered();
    expect(fixture.takeKeys()).toEqual(names(3, 8));
  });

  it('does not begin before the hint is durable, so that no answer to it comes from before', () => {
    const fixture = createHints();
    fixture.keep(B, 'k');
    fixture.tick();
    expect(fixture.loads).toEqual([]);
    fixture.stored();
    fixture.tick();
    expect(fixture.takeKeys()).toEqual(['k']);
  });

  it('is repeated, behind the others, for as long as the target keeps it for nothing', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.loaded();
    fixture.answered('incomplete');
    expect([fixture.hints.total, fixture.handedOver]).toEqual([1, []]);
    fixture.tick(200);
    expect(fixture.takeKeys()).toEqual(['k']);
    fixture.loaded();
    fixture.answered();
    expect(fixture.hints.total).toBe(0);
  });

  it('is repeated where the target missed another write meanwhile', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.loaded();
    fixture.keep(B, 'k');
    fixture.keep(B, 'k');
    fixture.answered();
    expect(fixture.hints.total).toBe(1);
    expect(fixture.takeKeys()).toEqual(['k']);

    fixture.loaded(found(recordOf(2)));
    fixture.answered();
    expect([fixture.hints.total, fixture.handedOver]).toEqual([0, [{ key: 'k', record: recordOf(2) }]]);
  });

  it('is repeated where another target missed that write: the last delivery hands over what is there', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.keepAll(C, ['k']);
    fixture.loaded(found(recordOf(1)));
    const [early] = fixture.sent.splice(0);
    fixture.tick();
    fixture.loaded(found(recordOf(2)));
    fixture.answered();
    fixture.act(() => {
      fixture.hints.onAnswer(early!.request, 'stored');
    });
    expect([fixture.handedOver, fixture.takeKeys()]).toEqual([[], ['k']]);

    fixture.loaded(found(recordOf(2)));
    fixture.answered();
    expect(fixture.handedOver).toEqual([{ key: 'k', record: recordOf(2) }]);
  });

  it('is repeated where that write came while the record was loaded', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.keep(B, 'k');
    fixture.loaded();
    fixture.answered();
    expect(fixture.takeKeys()).toEqual(['k']);
  });

  it.each(['again under way', 'answered twice'])('ends a delivery once: %s', (how) => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.loaded();
    const late = fixture.sent[0]!;
    fixture.answered();
    if (how === 'again under way') {
      fixture.keepAll(B, ['k']);
      fixture.tick();
      fixture.loaded();
    }
    fixture.act(() => {
      fixture.hints.onAnswer(late.request, 'stored');
    });
    expect(fixture.hints.total).toBe(how === 'again under way' ? 1 : 0);
    expect(fixture.forgotten).toEqual(['n2 k']);
  });
});

describe('a delivery that fails', () => {
  function failing(kind: string): HintFixture {
    const fixture = createHints();
    fixture.keepAll(B, ['x', 'y']);
    fixture.tick();
    fail(fixture, kind);
    return fixture;
  }

  function fail(fixture: HintFixture, kind: string): void {
    fixture.loaded();
    if (kind === 'refused') fixture.answered('refused');
    else if (kind === 'unroutable') fixture.unroutable();
    else fixture.tick(TIMEOUT_MS);
  }

  it.each(['refused', 'unroutable', 'unanswered'])(
    'is tried again after a pause, in the old order: %s',
    (kind) => {
      const fixture = failing(kind);
      expect(fixture.hints.total).toBe(2);
      fixture.tick(99);
      expect(fixture.loads).toEqual([]);
      fixture.tick(1);
      expect(fixture.takeKeys()).toEqual(['x', 'y']);
    },
  );

  it('has longer for a large record, which may take its time on a slow link', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.loaded(found(recordOf(1, 4 * 1024 * 1024)));
    fixture.tick(TIMEOUT_MS + 3000);
    fixture.answered();
    expect([fixture.hints.total, fixture.handedOver.length]).toEqual([0, 1]);
  });

  it('waits twice as long each time, up to five seconds', () => {
    const fixture = failing('unroutable');
    const pauses = [];
    for (let round = 0; round < 8; round++) {
      let pauseMs = 0;
      for (; fixture.loads.length === 0; pauseMs += 20) fixture.tick(20);
      pauses.push(pauseMs);
      fail(fixture, 'unroutable');
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  it.each(['an answer', 'the return of the target'])('waits no longer after %s', (what) => {
    const fixture = createHints();
    fixture.keepAll(B, ['x', 'y']);
    fixture.tick();
    fixture.loaded();
    const [x, y] = fixture.sent.splice(0);
    fixture.act(() => {
      fixture.hints.onUnroutable(x!.request);
      if (what === 'an answer') fixture.hints.onAnswer(y!.request, 'stored');
      else fixture.hints.recovered([B]);
      fixture.hints.tick();
    });
    expect(fixture.takeKeys()).toEqual(['x']);
  });

  it('does not hold up another target', () => {
    const fixture = failing('unroutable');
    fixture.keepAll(C, ['z']);
    fixture.tick();
    expect(fixture.takeKeys()).toEqual(['z']);
  });

  it('gives back its place in the window', () => {
    const fixture = createHints();
    fixture.keepAll(B, names(32));
    for (let round = 0; round < 3; round++) {
      fixture.tick(5000);
      expect(fixture.takeKeys()).toEqual(names(round === 0 ? 32 : 3));
      fixture.loaded(found(recordOf(1, 1024 * 1024)));
      fixture.unroutable();
    }
  });
});

describe('a hint that the disk refused', () => {
  it('is stored when the disk takes it', () => {
    const fixture = createHints();
    fixture.keep(B, 'k');
    fixture.alive.clear();
    for (const durable of [false, true]) {
      expect(fixture.storing).toEqual([hint(B, 'k', 1)]);
      fixture.stored(durable);
      fixture.tick();
    }
    expect(fixture.storing).toEqual([]);
  });
});

describe('a hint whose record', () => {
  it('is damaged brings what was stored since', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.loaded({ status: 'damaged', record: recordOf(1) });
    fixture.answered();
    expect([fixture.hints.total, fixture.handedOver.length]).toEqual([0, 1]);
  });

  it('is missing is forgotten', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.loaded({ status: 'missing' });
    expect([fixture.hints.total, fixture.forgotten, fixture.sent]).toEqual([0, ['n2 k'], []]);
  });

  it('was missing when it was loaded is kept where the target missed another write since then', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.tick();
    fixture.keep(B, 'k');
    fixture.loaded({ status: 'missing' });
    expect([fixture.hints.total, fixture.forgotten]).toEqual([1, []]);
    expect(deliverAll(fixture)).toEqual(['k']);
  });

  it.each(['damaged', 'failed'] as const)('is %s does not stand in the way of the others', (status) => {
    const fixture = createHints();
    fixture.keepAll(B, names(40));
    const delivered: string[] = [];
    for (let round = 0; round < 20; round++) {
      fixture.tick(5000);
      fixture.loaded((key) => (key === 'k0' ? { status } : found(recordOf(1))));
      delivered.push(...fixture.sent.map(({ key }) => key));
      fixture.answered();
    }
    expect(delivered).toEqual(names(39, 1));
    expect(fixture.hints.counts()).toEqual(new Map([[B, 1]]));
    expect(fixture.forgotten).not.toContain('n2 k0');
  });
});

describe('a record that was kept only for others', () => {
  it('is handed over as it was delivered, with the last of its hints', () => {
    const fixture = createHints();
    fixture.keepAll(B, ['k']);
    fixture.keepAll(C, ['k']);
    fixture.alive.delete(C);
    fixture.tick();
    fixture.loaded();
    fixture.answered();
    expect(fixture.handedOver).toEqual([]);
    expect(fixture.hints.has('k' as Key)).toBe(true);

    fixture.alive.add(C);
    fixture.tick();
    fixture.loaded();
    fixture.answered();
    expect(fixture.handedOver).toEqual([{ key: 'k', record: recordOf(1) }]);
    expect(fixture.hints.has('k' as Key)).toBe(false);
  });
});

describe('hints after a restart', () => {
  it('are delivered in the order in which they were kept, whatever the order of the disk', () => {
    const kept = [hint(B, 'late', 9), hint(C, 'other', 5), hint(B, 'early', 2)];
    const fixture = createHints({ kept });
    expect(fixture.hints.total).toBe(3);
    fixture.keepAll(B, ['new']);
    expect(deliverAll(fixture)).toEqual(['early', 'late', 'new', 'other']);
  });

  it('are durable, so that one kept again is confirmed at once', () => {
    const fixture = createHints({ kept: [hint(B, 'k', 1)] });
    const told: boolean[] = [];
    fixture.keep(B, 'k', (durable) => void told.push(durable));
    expect([told, fixture.storing]).toEqual([[true], []]);
  });

  it('are followed by later ones, and none is forgotten where there are more than the bound', () => {
    const fixture = createHints({ kept: [hint(B, 'x', 7), hint(B, 'y', 3)], hintsMax: 1 });
    expect(fixture.hints.total).toBe(2);
    expect(deliverAll(fixture)).toEqual(['y', 'x']);
    fixture.keep(B, 'z');
    expect(fixture.storing).toEqual([hint(B, 'z', 8)]);
  });
});
