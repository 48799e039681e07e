import { describe, expect, it } from '@jest/globals';
import { createPacer, progressLine } from '../../../services/cli/view/progress.js';
import {
  byteCount,
  clip,
  count,
  duration,
  pathText,
  printable,
  table,
} from '../../../services/cli/view/text.js';

const totals = { filesTotal: 100, bytesTotal: 10_000_000 };

describe('progress', () => {
  it('says nothing about the time left before anything is done', () => {
    expect(createPacer(0).sample(1000, { ...totals, files: 0, bytes: 0 })).toEqual({
      bytesPerSecond: 0,
      leftMs: null,
    });
  });

  it('expects the second half to take as long as the first at a steady pace', () => {
    const pace = createPacer(0).sample(5000, { ...totals, files: 50, bytes: 5_000_000 });
    expect(pace.bytesPerSecond).toBe(1_000_000);
    expect(pace.leftMs).toBeCloseTo(5000);
  });

  it('counts files as work: a thousand empty ones take time as well', () => {
    const empty = { files: 250, bytes: 0, filesTotal: 1000, bytesTotal: 0 };
    expect(createPacer(0).sample(1000, empty).leftMs).toBeCloseTo(3000);
  });

  it('forgets the pace of long ago', () => {
    const pacer = createPacer(0);
    for (let s = 1; s <= 60; s++) {
      const bytes = s <= 30 ? s * 100_000 : 3_000_000 + (s - 30) * 10_000;
      const pace = pacer.sample(s * 1000, { ...totals, files: 0, bytes });
      if (s === 60) expect(pace.bytesPerSecond).toBeCloseTo(10_000);
    }
  });

  it('has nothing left when all is done, even where files grew meanwhile', () => {
    const pace = createPacer(0).sample(1000, { ...totals, files: 100, bytes: 11_000_000 });
    expect(pace.leftMs).toBe(0);
  });

  it('survives two samples in the same millisecond', () => {
    const pace = createPacer(5).sample(5, { ...totals, files: 1, bytes: 1 });
    expect(pace).toEqual({ bytesPerSecond: 0, leftMs: null });
  });

  it('fits one line', () => {
    const line = progressLine(
      'import',
      { ...totals, files: 50, bytes: 5e6 },
      { bytesPerSecond: 1e6, leftMs: 65_000 },
    );
    expect(line).toBe('import  50/100 files  5.0/10.0 MB  1.0 MB/s  1:05 left');
  });
});

describe('figures and names', () => {
  it.each([
    [0, '0:00'],
    [59_499, '0:59'],
    [75_000, '1:15'],
    [3_700_000, '1:01:40'],
  ])('%d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('groups digits and picks units', () => {
    expect([count(7), count(13_245), count(1_000_000)]).toEqual(['7', '13,245', '1,000,000']);
    expect([byteCount(1), byteCount(999), byteCount(1500), byteCount(2e6)]).toEqual([
      '1 byte',
      '999 bytes',
      '1.5 kB',
      '2.0 MB',
    ]);
  });

  it('lets no name steer the terminal', () => {
    expect(printable('a\x1b[2Jb\n\u009b')).toBe('a\\x1b[2Jb\\x0a\\x9b');
    expect(pathText(Buffer.from('ü\x07').toString('latin1'))).toBe('ü\\x07');
  });

  it('cuts to a width and aligns columns', () => {
    expect(clip('abcdef', 4)).toBe('abc…');
    expect(
      table(
        ['n', 'v'],
        ['left', 'right'],
        [
          ['abc', '1'],
          ['d', '22'],
        ],
      ),
    ).toEqual(['n     v', 'abc   1', 'd    22']);
  });
});
