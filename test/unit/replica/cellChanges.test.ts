import { describe, expect, it } from '@jest/globals';
import type { ReadResult } from '../../../services/node/core/protocol/events.js';
import { mergeRecords } from '../../../services/node/core/versioning/record.js';
import { createCells, found, KEY, peer, recordOf, same } from './support.js';

const [X, Y, Z] = [recordOf('x'), recordOf('y'), recordOf('z')];
const XY = mergeRecords(X, Y);
const XYZ = mergeRecords(XY, Z);
const DAMAGED: ReadResult = { status: 'damaged' };

/** Cells of one key that was loaded so, after these were merged into it: stores 1, 2, … in their order. */
function loaded(result: ReadResult, ...merged: (typeof X)[]) {
  const fixture = createCells();
  merged.forEach((record, i) => {
    fixture.cells.merge(KEY, record, peer(i + 1));
  });
  fixture.cells.onLoaded(KEY, result);
  return { ...fixture, changed: () => fixture.changes.splice(0) };
}

describe('what comparisons hear of a sound key', () => {
  it('is each change when it is durable and not before, from what was to what is', () => {
    const { cells, changed } = loaded(found(X), Y, Z);
    expect(changed()).toEqual([]);
    cells.onStored(KEY, 1);
    expect(changed()).toEqual([[X, XY]]);
    cells.onStored(KEY, 2);
    expect(changed()).toEqual([[XY, XYZ]]);
  });

  it('is where it began and where it ended', () => {
    const { cells, changed } = loaded({ status: 'missing' }, X);
    cells.onStored(KEY, 1);
    cells.drop(KEY, same(X));
    cells.onLoaded(KEY, found(X));
    expect(changed()).toEqual([[undefined, X]]);
    cells.onStored(KEY, 2);
    expect(changed()).toEqual([[X, undefined]]);
  });

  it('is nothing of what adds nothing, of a load that failed, or of a drop that is not carried out', () => {
    const { cells, changed } = loaded(found(XY), X, Y);
    cells.drop(KEY, same(X));
    cells.onLoaded(KEY, found(XY));
    cells.merge(KEY, X, peer(3));
    cells.onLoaded(KEY, { status: 'failed' });
    expect([changed(), cells.size]).toEqual([[], 0]);
  });

  it('is told once, also where a store is answered twice', () => {
    const { cells, changed } = loaded({ status: 'missing' }, X, Y);
    for (const store of [1, 1, 2, 2]) cells.onStored(KEY, store);
    expect(changed()).toEqual([
      [undefined, X],
      [X, XY],
    ]);
  });

  it('is the drop and then the write, where it comes again while it is dropped', () => {
    const { cells, changed } = createCellsDropping();
    cells.merge(KEY, Y, peer(1));
    cells.onStored(KEY, 1);
    cells.onStored(KEY, 2);
    expect(changed()).toEqual([
      [X, undefined],
      [undefined, Y],
    ]);
  });
});

function createCellsDropping() {
  const fixture = createCells();
  fixture.cells.drop(KEY, same(X));
  fixture.cells.onLoaded(KEY, found(X));
  return { ...fixture, changed: () => fixture.changes.splice(0) };
}

describe('what comparisons hear of a store that fails', () => {
  it('is doubt, since nobody knows what reached the disk', () => {
    const { cells, changed } = loaded(found(X), Y);
    cells.onStoreFailed(KEY, 1);
    expect([changed(), cells.size]).toEqual([['doubt'], 0]);
  });

  it('is doubt again with every other store that ends behind it, whichever way', () => {
    const { cells, changed } = loaded({ status: 'missing' }, X, Y, Z);
    cells.onStoreFailed(KEY, 1);
    cells.onStored(KEY, 2);
    cells.onStoreFailed(KEY, 3);
    expect([changed(), cells.size]).toEqual([['doubt', 'doubt', 'doubt'], 0]);
  });

  it('is doubt with an earlier store that ends after it', () => {
    const { cells, changed } = loaded({ status: 'missing' }, X, Y);
    cells.onStoreFailed(KEY, 2);
    cells.onStored(KEY, 1);
    expect(changed()).toEqual(['doubt', 'doubt']);
  });

  it('is doubt where the disk refuses a drop', () => {
    const { cells, changed } = createCellsDropping();
    cells.onStoreFailed(KEY, 1);
    expect(changed()).toEqual(['doubt']);
  });

  it('ends with it: the next write of the key is told as ever', () => {
    const { cells, changed } = loaded({ status: 'missing' }, X);
    cells.onStoreFailed(KEY, 1);
    cells.merge(KEY, Y, peer(2));
    cells.onLoaded(KEY, found(X));
    cells.onStored(KEY, 2);
    expect(changed()).toEqual(['doubt', [X, XY]]);
  });
});

describe('what comparisons hear of a damaged key', () => {
  it('is that it is damaged, and nothing of what is written beside the damage', () => {
    const { cells, changed } = loaded(DAMAGED, X, Y);
    for (const store of [1, 2]) cells.onStored(KEY, store);
    expect(changed()).toEqual(['damaged']);
  });

  it('is that it is mended when that is durable, with all that is beside it', () => {
    const { cells, changed, take } = createMending({ status: 'damaged', record: X });
    expect([take(), changed()]).toEqual([['load k', 'mend k x'], ['damaged']]);
    cells.onStored(KEY, 1);
    expect([changed(), cells.size]).toEqual([['mended', [undefined, X]], 0]);
  });

  it('is that it is mended where nothing is beside it: then there is nothing', () => {
    const { cells, changed, take } = createMending(DAMAGED);
    expect([take(), changed()]).toEqual([['load k', 'drop k'], ['damaged']]);
    cells.onStored(KEY, 1);
    expect([changed(), cells.size]).toEqual([['mended', [undefined, undefined]], 0]);
  });

  it('is doubt where the mending fails, which may be tried again', () => {
    const { cells, changed, take } = createMending({ status: 'damaged', record: X });
    cells.onStoreFailed(KEY, 1);
    expect([changed(), cells.size]).toEqual([['damaged', 'doubt'], 0]);
    cells.mend(KEY);
    cells.onLoaded(KEY, { status: 'damaged', record: X });
    cells.onStored(KEY, 2);
    expect([take().at(-1), changed()]).toEqual(['mend k x', ['damaged', 'mended', [undefined, X]]]);
  });

  it('is that it is mended, where the disk says that it is sound: a batch that failed was kept after all', () => {
    const { cells, changed, take } = createMending(found(X));
    expect([take(), changed(), cells.size]).toEqual([['load k'], ['mended'], 0]);
  });

  it('is not that it is mended while that is only on its way', () => {
    const { cells, changed } = createMending({ status: 'damaged', record: X });
    cells.mend(KEY);
    expect(changed()).toEqual(['damaged']);
    cells.onStored(KEY, 1);
    expect(changed()).toEqual(['mended', [undefined, X]]);
  });

  it('is that it is mended where it is handed over and dropped', () => {
    const { cells, changes, take } = createCells();
    cells.drop(KEY, same(X));
    cells.onLoaded(KEY, { status: 'damaged', record: X });
    cells.onStored(KEY, 1);
    expect([take(), changes, cells.size]).toEqual([['load k', 'drop k'], ['damaged', 'mended'], 0]);
  });
});

function createMending(result: ReadResult) {
  const fixture = createCells();
  fixture.cells.mend(KEY);
  fixture.cells.onLoaded(KEY, result);
  return { ...fixture, changed: () => fixture.changes.splice(0) };
}

describe('writes while a key is mended', () => {
  it('count for nothing where they came before it, though they become durable behind its back', () => {
    const { cells, take, changed } = loaded(DAMAGED, X);
    cells.mend(KEY);
    expect(take()).toEqual(['load k', 'store k x', 'mend k x']);
    cells.onStored(KEY, 1);
    expect([take(), changed()]).toEqual([['1 partial'], ['damaged']]);
    cells.onStored(KEY, 2);
    expect([take(), changed(), cells.size]).toEqual([[], ['mended', [undefined, X]], 0]);
  });

  it('count where they came after it, and are changes of a sound key', () => {
    const { cells, take, changed } = createMending({ status: 'damaged', record: X });
    cells.merge(KEY, Y, peer(1));
    cells.mint(KEY, 2);
    expect(take().slice(2)).toEqual(['store k x y', 'resolve 2 on x y', 'store k m2 x y']);
    for (const store of [1, 2, 3]) cells.onStored(KEY, store);
    expect(take()).toEqual(['1 durable', '2 durable']);
    expect(changed().slice(0, 4)).toEqual(['damaged', 'mended', [undefined, X], [X, XY]]);
  });

  it('that add nothing to it wait until it is durable', () => {
    const { cells, take } = createMending({ status: 'damaged', record: X });
    cells.merge(KEY, X, peer(1));
    expect(take().slice(2)).toEqual([]);
    cells.onStored(KEY, 1);
    expect(take()).toEqual(['1 durable']);
  });

  it('fail with it', () => {
    const { cells, take } = createMending({ status: 'damaged', record: X });
    cells.merge(KEY, Y, peer(1));
    cells.onStoreFailed(KEY, 1);
    expect(take().slice(-1)).toEqual(['1 failed']);
    cells.onStored(KEY, 2);
    expect(cells.size).toBe(0);
  });

  it('that came before one that the disk refuses still count for nothing', () => {
    const { cells, take } = loaded(DAMAGED, X, Y);
    take();
    cells.onStoreFailed(KEY, 2);
    cells.onStored(KEY, 1);
    expect(take()).toEqual(['2 failed', '1 partial']);
  });
});
