import { describe, expect, it } from '@jest/globals';
import {
  byArea,
  type CpuProfile,
  mergeSelfTimes,
  selfTimes,
  type SelfTime,
} from '../../../scripts/bench/profile.js';
import { profileText } from '../../../scripts/bench/report.js';

const frame = (functionName: string, url = 'file:///a.js', lineNumber = 0) => ({
  functionName,
  url,
  lineNumber,
  columnNumber: 0,
});

/** Samples at 1010, 1030, 1060 and 1100, each standing for the time until the next. */
const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('work') },
    { id: 2, callFrame: frame('(idle)', '') },
    { id: 3, callFrame: frame('work') },
    { id: 4, callFrame: frame('') },
  ],
  startTime: 1000,
  samples: [1, 2, 3, 4],
  timeDeltas: [10, 20, 30, 40],
};

const ALWAYS = { fromMicros: 0, toMicros: Infinity };
const placeOf = ({ url, lineNumber }: { url: string; lineNumber: number }): string =>
  url === '' ? '' : `${url}:${lineNumber}`;

describe('bench: profiles', () => {
  it('a function is one line, wherever it was called from; a sample stands for the time until the next', () => {
    expect(selfTimes(PROFILE, ALWAYS, placeOf)).toEqual([
      { name: 'work', place: 'file:///a.js:0', micros: 20 + 40 },
      { name: '(idle)', place: '', micros: 30 },
    ]);
  });

  it('only what was sampled within the window counts', () => {
    const window = { fromMicros: 1030, toMicros: 1060 };
    expect(selfTimes(PROFILE, window, placeOf)).toEqual([{ name: '(idle)', place: '', micros: 30 }]);
  });

  it('several profiles are summed, the longest first', () => {
    const time = (name: string, micros: number): SelfTime => ({ name, place: 'a:1', micros });
    expect(mergeSelfTimes([[time('x', 5), time('y', 4)], [time('y', 4)]])).toEqual([
      time('y', 8),
      time('x', 5),
    ]);
  });

  it('areas are folders of the project, packages, parts of Node, and what has no place', () => {
    const places: [string, string][] = [
      ['get', 'services/node/core/coordinator/gets.ts:83'],
      ['_getSync', 'node_modules/classic-level/index.js:91'],
      ['x', 'node_modules/@a/b/c.js:1'],
      ['hash', 'node:internal/crypto/hash:221'],
      ['writev', ''],
      ['(garbage collector)', ''],
    ];
    const times = places.map(([name, place], index) => ({ name, place, micros: 10 - index }));
    expect(byArea(times).map(({ name }) => name)).toEqual([
      'services/node/core/coordinator',
      'classic-level',
      '@a/b',
      'node:internal/crypto',
      '(native)',
      '(garbage collector)',
    ]);
  });

  it('shares are of the time that was not idle', () => {
    const text = profileText([
      { name: '(idle)', place: '', micros: 50 },
      { name: 'work', place: 'services/a.ts:1', micros: 40 },
      { name: 'rest', place: 'services/a.ts:9', micros: 10 },
    ]);
    expect(text).toContain('busy 50 %');
    expect(text).toMatch(/80\.0 % {2}work {2}services\/a\.ts:1\n20\.0 % {2}rest/);
    expect(text).not.toContain('(idle)');
  });
});
