import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { createHintSchedule, hintActions } from './hintSchedule.js';

describe('under a random schedule of writes, deliveries, faults of disk and targets, and crashes', () => {
  it.each([2, 1000])(
    'no accepted hint is lost, and all are delivered in the end, at most %s at a time',
    (max) => {
      fc.assert(
        fc.property(hintActions, (actions) => {
          const schedule = createHintSchedule(max);
          for (const action of actions) schedule.run(action);
          schedule.expectDrained();
        }),
      );
    },
  );
});
