import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { createSchedule, schedule } from './randomSchedule.js';

describe('three nodes under a random schedule with lost, repeated and unroutable messages, failed stores and crashes', () => {
  it('replies once to every request, keeps what it acknowledged, and ends without any state (I1-I5, I11)', () => {
    fc.assert(
      fc.property(schedule, (actions) => {
        const run = createSchedule();
        for (const action of actions) run.act(action);
        run.finish();
        run.expectSound();
      }),
      { numRuns: 300 },
    );
  });
});
