import { describe, expect, it } from '@jest/globals';
import type { Directory } from '../../simulation/directory.js';
import { handMadeScene, intent, KEY, record } from './support/scene.js';

/** Behind all that is written in the tests. */
const LATER_MS = 1e6;

describe('the judge of what clients saw', () => {
  it('accepts a history without faults', () => {
    const { written, read, broken, checker } = handMadeScene();
    written('w1', 'a1');
    const seen = read('a1', ['w1']);
    written('w2', 'b1', { from: seen.n }, 'a1 b1');
    read('a1 b1', ['w2']);
    checker.conclude();
    expect(broken()).toEqual([]);
  });

  it('finds an acknowledged write that a strict read does not show (I7)', () => {
    const { written, read, broken } = handMadeScene();
    written('w1', 'a1');
    read('', []);
    expect(broken()).toEqual(['I7']);
  });

  it('asks nothing of a read whose quorum does not overlap', () => {
    const { written, send, answer, broken } = handMadeScene();
    written('w1', 'a1');
    answer(send({ wanted: 1 }), { version: '', values: [] });
    expect(broken()).toEqual([]);
  });

  it('finds an acknowledged write that is lost in the end (I2)', () => {
    const { written, send, checker, broken } = handMadeScene();
    written('w1', 'a1');
    checker.final(send({}), { outcome: 'ok', code: 'ok', version: '', values: [] });
    expect(broken()).toEqual(['I2']);
  });

  it('excuses a loss when as many holders lost their disks as acknowledged it, and no earlier', () => {
    const { written, send, checker, broken, directories, time } = handMadeScene();
    written('w1', 'a1');
    const gone = () => {
      checker.final(send({}), { outcome: 'ok', code: 'ok', version: '', values: [] });
      return broken();
    };
    time.nowMs = 2000;
    for (const node of [...directories.keys()].slice(0, 2)) directories.get(node)![0]!.lostAtMs = 1500;
    expect(gone()).toEqual([]);
    directories.get([...directories.keys()][0]!)![0]!.lostAtMs = 500;
    expect(gone()).toEqual(['I2']);
  });

  it('excuses it too where the records were damaged, though they were mended since, and in every read', () => {
    const { written, read, broken, directories } = handMadeScene();
    written('w1', 'a1');
    const [first, second] = [...directories.values()].map(([directory]) => directory!) as [
      Directory,
      Directory,
    ];
    first.damagedAtMs.set(KEY, LATER_MS);
    second.damagedAtMs.set(KEY, LATER_MS);
    read('', []);
    expect(broken()).toEqual([]);
    second.damagedAtMs.set(KEY, -1);
    read('', []);
    expect(broken()).toEqual(['I7']);
  });

  it('accepts a version that covers a write of which only its minter had the record, which was damaged', () => {
    const { written, dots, broken, directories } = handMadeScene();
    dots.note(KEY, record({ a1: 'w1' }), () => 'by hand');
    [...directories.values()][0]![0]!.damagedAtMs.set(KEY, LATER_MS);
    written('w2', 'a2', {}, 'a2');
    expect(broken()).toEqual([]);
  });

  it('finds a value that came back after an acknowledged write had superseded it', () => {
    const { written, read, broken } = handMadeScene();
    written('w1', 'a1');
    const seen = read('a1', ['w1']);
    written('w2', 'b1', { from: seen.n }, 'a1 b1');
    read('a1', ['w1']);
    expect(broken()).toEqual(['I7']);
  });

  it('finds a value that came back after an acknowledged delete', () => {
    const { written, read, send, answer, dots, broken } = handMadeScene();
    written('w1', 'a1');
    const seen = read('a1', ['w1']);
    dots.note(KEY, record({ b1: '' }, 'a1 b1'), () => 'by hand');
    answer(send({ write: intent('d2', { deletes: true, from: seen.n }) }), { version: 'a1 b1' });
    read('a1', ['w1']);
    expect(broken()).toEqual(['I7']);
  });

  it('finds a value that nobody wrote', () => {
    const { read, broken, dots } = handMadeScene();
    dots.note(KEY, record({ a1: 'w1' }), () => 'by hand');
    read('a1', ['w1']);
    expect(broken()).toContain('phantom');
  });

  it('finds a value whose write was certainly refused', () => {
    const { read, send, answer, broken, dots, checker } = handMadeScene();
    const request = send({ write: intent('w1') });
    dots.note(KEY, record({ a1: 'w1' }), () => 'by hand');
    read('a1', ['w1']);
    answer(request, { outcome: 'none', code: 'stale_version', version: 'a1' });
    expect(broken()).toEqual([]);
    checker.conclude();
    expect(broken()).toEqual(['phantom']);
  });

  it('finds siblings of which one was written in knowledge of the other (I3)', () => {
    const { written, read, broken } = handMadeScene();
    const first = written('w1', 'a1');
    written('w2', 'b1', { from: first.n }, 'a1 b1');
    read('a1 b1', ['w1', 'w2']);
    expect(broken()).toContain('I3');
  });

  it('finds a version that came with two sets of values (I3)', () => {
    const { written, read, checker, broken } = handMadeScene();
    written('w1', 'a1');
    written('w2', 'b1');
    read('a1 b1', ['w1', 'w2']);
    read('a1 b1', ['w1', 'w2']);
    checker.conclude();
    expect(broken()).toEqual([]);
    const other = handMadeScene();
    other.written('w1', 'a1');
    other.read('a1', ['w1']);
    other.read('a1', []);
    other.checker.conclude();
    expect(other.broken()).toContain('I3');
  });

  it('finds a version that covers a sibling which did not come with it (I3)', () => {
    const { written, broken } = handMadeScene();
    written('w1', 'a1');
    written('w2', 'b1', {}, 'a1 b1');
    expect(broken()).toEqual(['I3']);
  });

  it('finds a version that does not cover a value which came with it (I3)', () => {
    const { written, read, broken } = handMadeScene();
    written('w1', 'a1');
    written('w2', 'b1');
    read('a1', ['w1', 'w2']);
    expect(broken()).toContain('I3');
  });
});
