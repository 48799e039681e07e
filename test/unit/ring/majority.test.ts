import { describe, expect, it } from '@jest/globals';
import { majority, meetingEveryMajority } from '../../../services/node/core/ring/majority.js';

const NODES = [1, 2, 3, 4, 5, 6];

describe('majorities', () => {
  it('are more than half', () => {
    expect(NODES.map(majority)).toEqual([1, 2, 2, 3, 3, 4]);
  });

  it('are each met by one node more than are outside of them', () => {
    expect(NODES.map(meetingEveryMajority)).toEqual([1, 1, 2, 2, 3, 3]);
  });
});
