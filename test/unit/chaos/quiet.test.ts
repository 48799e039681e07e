import { describe, expect, it } from '@jest/globals';
import { whyNotQuiet, type Repairs } from '../../../scripts/chaos/quiet.js';

function counters(values: Readonly<Record<string, number>>): Repairs {
  return new Map([['node1', new Map(Object.entries(values))]]);
}

const pulled = 'rondo_events_total{event="keyPulled"}';

describe('a cluster at rest', () => {
  it('goes on comparing', () => {
    const same = 'rondo_events_total{event="exchangeSame"}';
    expect(whyNotQuiet(counters({ [same]: 3, [pulled]: 2 }), counters({ [same]: 9, [pulled]: 2 }))).toEqual(
      [],
    );
  });

  it.each([pulled, 'rondo_events_total{event="hintKept"}', 'rondo_storage_records_total'])(
    'does nothing that is counted by %s',
    (name) => {
      expect(whyNotQuiet(counters({ [name]: 2 }), counters({ [name]: 3 }))).toEqual([
        `node1: ${name} went from 2 to 3`,
      ]);
    },
  );

  it('is not taken for quiet where something is counted for the first time', () => {
    expect(whyNotQuiet(counters({}), counters({ [pulled]: 1 }))).toHaveLength(1);
  });
});
