import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { createSchedule, schedule } from './randomSchedule.js';

function holdOn(nodes: number): void {
  fc.assert(
    fc.property(schedule, (actions) => {
      const run = createSchedule(nodes);
      for (const action of actions) run.act(action);
      run.finish();
      run.expectSound();
    }),
  );
}

describe('under a random schedule with lost, repeated and unroutable messages, silent and absent nodes, failed stores and crashes', () => {
  it('three nodes reply once to every request, keep what they acknowledged, and end without any state (I1-I5, I11)', () => {
    holdOn(3);
  });

  it('five nodes with three replicas do so as well, with requests that they pass on and fallbacks that stand in (R4, R6)', () => {
    holdOn(5);
  });
});
