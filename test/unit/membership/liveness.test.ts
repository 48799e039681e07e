import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { livenessTimes, LivenessView } from '../../../services/node/core/membership/liveness.js';
import { type Liveness, TICK_MS } from '../../../services/node/core/protocol/events.js';
import type { NodeId } from '../../../services/node/core/types.js';

const [B, C] = ['n2', 'n3'] as [NodeId, NodeId];
/** Probes every 200 ms, suspect after 500 ms, dead after 2000 ms. */
const TIMES = livenessTimes(2000);

/** A view on a clock that the test moves; nodes in `answering` answer every probe at once. */
function createView(startMs = 1000) {
  const view = new LivenessView([B, C], TIMES);
  const answering = new Set<NodeId>([B, C]);
  const probed: NodeId[] = [];
  const log: string[] = [];
  let nowMs = startMs;

  function tick(ms = TICK_MS): void {
    nowMs += ms;
    const { probe, suspected, recovered } = view.tick(nowMs);
    probed.push(...probe);
    log.push(
      ...suspected.map((node) => `${node} suspected`),
      ...recovered.map((node) => `${node} recovered`),
    );
    for (const node of probe) if (answering.has(node)) view.answered(node, nowMs);
  }

  return {
    ...{ view, answering, probed, log, tick },
    now: () => nowMs,
    state: (node: NodeId): Liveness | undefined => view.states().get(node),
    elapse: (ms: number): void => {
      for (let passed = 0; passed < ms; passed += TICK_MS) tick();
    },
    /** How long it takes until a node is alive. */
    msUntilAlive: (node: NodeId): number => {
      const sinceMs = nowMs;
      while (!view.isAlive(node)) tick();
      return nowMs - sinceMs;
    },
  };
}

describe('the view of who is alive', () => {
  it('takes all for alive at first, and probes each five times in a second', () => {
    const { view, probed, elapse, log } = createView();
    expect(view.states()).toEqual(
      new Map([
        [B, 'alive'],
        [C, 'alive'],
      ]),
    );
    elapse(1000);
    expect([probed.filter((node) => node === B).length, log]).toEqual([5, []]);
  });

  it('suspects one that is silent for a quarter of its time, calls it dead at the end of it, and no other', () => {
    const { answering, elapse, state, log, tick } = createView();
    tick();
    answering.delete(B);
    elapse(480);
    expect(state(B)).toBe('alive');
    elapse(20);
    expect([state(B), state(C)]).toEqual(['suspect', 'alive']);
    elapse(1480);
    expect(state(B)).toBe('suspect');
    elapse(20);
    expect([state(B), state(C), log]).toEqual(['dead', 'alive', ['n2 suspected']]);
  });

  it('suspects one from which nothing ever came, counted from its own first tick', () => {
    const { answering, elapse, state, tick } = createView(1_000_000);
    answering.clear();
    tick();
    elapse(480);
    expect(state(B)).toBe('alive');
    elapse(20);
    expect(state(B)).toBe('suspect');
  });

  it('has it alive again at its next answer, the first time, also where it was dead', () => {
    const { answering, elapse, msUntilAlive, log } = createView();
    answering.delete(B);
    elapse(5000);
    answering.add(B);
    expect(msUntilAlive(B)).toBeLessThanOrEqual(TIMES.probeEveryMs + TICK_MS);
    expect(log).toEqual(['n2 suspected', 'n2 recovered']);
  });

  it('suspects one whose probe came back at once, and has it alive when it answers', () => {
    const { view, tick, state, elapse } = createView();
    tick();
    view.absent(B);
    tick();
    expect(state(B)).toBe('suspect');
    elapse(TIMES.probeEveryMs);
    expect(state(B)).toBe('alive');
  });

  it('knows nothing of nodes that are not in the document', () => {
    const { view, state, now } = createView();
    const stranger = 'n9' as NodeId;
    view.answered(stranger, now());
    view.absent(stranger);
    expect([view.isAlive(stranger), state(stranger)]).toEqual([false, undefined]);
  });
});

describe('damping', () => {
  /** Falls silent and answers again; how long it then takes to be alive. */
  function relapse({ answering, elapse, msUntilAlive }: ReturnType<typeof createView>): number {
    answering.delete(B);
    elapse(600);
    answering.add(B);
    return msUntilAlive(B);
  }

  it('makes a node that goes back and forth wait longer each time, up to a bound', () => {
    const fixture = createView();
    const waits = Array.from({ length: 10 }, () => relapse(fixture));
    const { probeEveryMs } = TIMES;
    [1, 2, 4, 8, 16, 32, 32, 32].forEach((probes, i) => {
      expect(waits[i + 1]).toBeGreaterThanOrEqual(probes * probeEveryMs);
      expect(waits[i + 1]).toBeLessThanOrEqual((probes + 1) * probeEveryMs + TICK_MS);
    });
  });

  it('has it suspect, and not dead, while it waits', () => {
    const fixture = createView();
    for (let n = 0; n < 4; n++) relapse(fixture);
    fixture.answering.delete(B);
    fixture.elapse(3000);
    expect(fixture.state(B)).toBe('dead');
    fixture.answering.add(B);
    fixture.elapse(TIMES.probeEveryMs + TICK_MS);
    expect(fixture.state(B)).toBe('suspect');
  });

  it('begins to count anew when it falls silent while it waits', () => {
    const fixture = createView();
    for (let n = 0; n < 4; n++) relapse(fixture);
    const { answering, elapse, view } = fixture;
    answering.delete(B);
    elapse(600);
    for (let n = 0; n < 3; n++) {
      answering.add(B);
      elapse(TIMES.probeEveryMs + TICK_MS);
      answering.delete(B);
      elapse(600);
      expect(view.isAlive(B)).toBe(false);
    }
  });

  it('is forgotten after a quiet minute', () => {
    const fixture = createView();
    for (let n = 0; n < 4; n++) relapse(fixture);
    fixture.elapse(61_000);
    expect(relapse(fixture)).toBeLessThanOrEqual(TIMES.probeEveryMs + TICK_MS);
  });
});

describe('a pause of this process itself', () => {
  it('makes nobody suspect, for their answers were not read meanwhile', () => {
    const { tick, elapse, log } = createView();
    elapse(1000);
    tick(60_000);
    elapse(1000);
    expect(log).toEqual([]);
  });

  it('excuses nobody who is silent after it', () => {
    const { answering, tick, elapse, state } = createView();
    elapse(1000);
    answering.delete(B);
    tick(60_000);
    elapse(500);
    expect([state(B), state(C)]).toEqual(['suspect', 'alive']);
  });

  it('excuses nobody either whose old answers are read before the first tick after it', () => {
    const { view, answering, tick, elapse, state, now } = createView();
    elapse(1000);
    view.answered(B, now() + 60_000 - 1);
    answering.delete(B);
    tick(60_000);
    elapse(500);
    expect(state(B)).toBe('suspect');
  });

  it('does not bring back one that was dead before', () => {
    const { answering, elapse, tick, state } = createView();
    answering.delete(B);
    elapse(3000);
    tick(60_000);
    expect(state(B)).toBe('dead');
  });
});

describe('whatever happens', () => {
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('tick' as const), ms: fc.integer({ min: 1, max: 150 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('tick' as const), ms: fc.integer({ min: 1, max: 9000 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constantFrom('answer' as const, 'absent' as const), ms: fc.nat(20) }),
    },
  );

  /** The ticks, each with the state before and after it, and the answers since the last one. */
  function follow(actions: readonly { readonly kind: 'tick' | 'answer' | 'absent'; readonly ms: number }[]) {
    const view = new LivenessView([B], TIMES);
    const ticks = [];
    let [nowMs, answers] = [1000, 0];
    view.tick(nowMs);
    for (const { kind, ms } of actions) {
      nowMs += ms;
      if (kind === 'answer') {
        view.answered(B, nowMs);
        answers++;
      } else if (kind === 'absent') view.absent(B);
      else {
        const before = view.states().get(B);
        const changes = view.tick(nowMs);
        ticks.push({ before, after: view.states().get(B), changes, answers });
        if (changes.suspected.length > 0) answers = 0;
      }
    }
    return ticks;
  }

  it('a node that became suspect is alive again only after an answer', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        for (const { before, after, answers } of follow(actions)) {
          if (before !== 'alive' && after === 'alive') expect(answers).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('a node that keeps silent is suspect in time while this process runs', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.boolean(), (actions, absent) => {
        const silence = Array.from({ length: 40 }, () => ({ kind: 'tick' as const, ms: TICK_MS }));
        const first = absent ? [{ kind: 'absent' as const, ms: 0 }] : [];
        const [last] = follow([...actions, ...first, ...silence]).slice(-1);
        expect(last!.after).not.toBe('alive');
      }),
    );
  });

  it('what is said to have changed has changed, and the other way round', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        for (const { before, after, changes } of follow(actions)) {
          expect(changes.suspected).toEqual(before === 'alive' && after !== 'alive' ? [B] : []);
          expect(changes.recovered).toEqual(before !== 'alive' && after === 'alive' ? [B] : []);
        }
      }),
    );
  });
});
