import { describe, expect, it } from '@jest/globals';
import type { ReadResult } from '../../../services/node/core/protocol/events.js';
import type { Waiter } from '../../../services/node/core/replica/cell.js';
import { mergeRecords } from '../../../services/node/core/versioning/record.js';
import { createCells, found, KEY, OTHER, peer, recordOf, same } from './support.js';

describe('the cells of keys that are being written', () => {
  it('load a record once, and work off what waited in its order', () => {
    const { cells, take } = createCells();
    cells.mint(KEY, 1);
    cells.merge(KEY, recordOf('x'), peer(2));
    cells.mint(KEY, 3);
    expect(take()).toEqual(['load k']);

    cells.onLoaded(KEY, found(recordOf('old')));
    expect(take()).toEqual([
      'resolve 1 on old',
      'store k m1 old',
      'store k m1 old x',
      'resolve 3 on m1 old x',
      'store k m1 m3 old x',
    ]);
  });

  it('answer each write when a store that contains it is durable (R1), and then let go of the key', () => {
    const { cells, take } = createCells();
    cells.mint(KEY, 1);
    cells.onLoaded(KEY, { status: 'missing' });
    cells.mint(KEY, 2);
    take();

    cells.onStored(KEY, 1);
    expect([take(), cells.size]).toEqual([['1 durable'], 1]);
    cells.onStored(KEY, 2);
    expect([take(), cells.size]).toEqual([['2 durable'], 0]);
  });

  it('store nothing for a write that adds nothing, and answer it at once where all is durable', () => {
    const { cells, take } = createCells();
    cells.merge(KEY, recordOf('x'), peer(1));
    cells.onLoaded(KEY, found(mergeRecords(recordOf('x'), recordOf('y'))));
    expect([take(), cells.size]).toEqual([['load k', '1 durable'], 0]);
  });

  it('let a write that adds nothing wait for the store that makes it true', () => {
    const { cells, take } = createCells({ waiting: [3] });
    cells.merge(KEY, recordOf('x'), peer(1));
    cells.onLoaded(KEY, { status: 'missing' });
    cells.merge(KEY, recordOf('x'), peer(2));
    cells.mint(KEY, 3);
    expect(take()).toEqual(['load k', 'store k x', 'resolve 3 on x']);

    cells.onStored(KEY, 1);
    expect([take(), cells.size]).toEqual([['1 durable', '2 durable', '3 durable'], 0]);
  });

  it('let go of a key whose writes were all refused', () => {
    const { cells, take } = createCells({ refused: [1] });
    cells.mint(KEY, 1);
    cells.onLoaded(KEY, { status: 'missing' });
    expect([take(), cells.size]).toEqual([['load k', 'resolve 1 on nothing'], 0]);
  });

  it('mint nothing on a damaged record, but keep what they are sent (R2)', () => {
    const { cells, take } = createCells();
    cells.mint(KEY, 1);
    cells.merge(KEY, recordOf('x'), peer(2));
    cells.mint(KEY, 3);
    cells.onLoaded(KEY, { status: 'damaged' });
    expect(take()).toEqual(['load k', 'unsound 1', 'store k x', 'unsound 3']);
    cells.onStored(KEY, 1);
    expect([take(), cells.size]).toEqual([['2 partial'], 0]);
  });

  it('merge into what was stored after the damage', () => {
    const { cells, take } = createCells();
    cells.merge(KEY, recordOf('x'), peer(1));
    cells.onLoaded(KEY, { status: 'damaged', record: recordOf('y') });
    expect(take()).toEqual(['load k', 'store k x y']);
  });

  it('fail all that waits where the load fails', () => {
    const { cells, take } = createCells();
    cells.mint(KEY, 1);
    cells.merge(KEY, recordOf('x'), peer(2));
    cells.onLoaded(KEY, { status: 'failed' });
    expect([take(), cells.size]).toEqual([['load k', 'unsound 1', '2 failed'], 0]);
  });

  it('fail a store together with the later ones that were built on it, and load the key anew when all have ended', () => {
    const { cells, take } = createCells();
    for (const request of [1, 2]) cells.merge(KEY, recordOf(`x${request}`), peer(request));
    cells.onLoaded(KEY, { status: 'missing' });
    cells.merge(OTHER, recordOf('y'), peer(3));
    take();

    cells.onStoreFailed(KEY, 1);
    expect([take(), cells.size]).toEqual([['1 failed', '2 failed'], 2]);
    cells.mint(KEY, 4);
    cells.merge(KEY, recordOf('z'), peer(5));
    cells.drop(KEY, same(recordOf('x1')));
    expect(take()).toEqual(['unsound 4', '5 failed']);
    cells.onStored(KEY, 2);
    cells.onStored(KEY, 2);
    cells.mint(KEY, 6);
    expect([take(), cells.size]).toEqual([['load k'], 2]);
  });

  it('answer the earlier ones by themselves where the disk refuses one, and build on nothing before (R1)', () => {
    const { cells, take } = createCells();
    for (const request of [1, 2]) cells.merge(KEY, recordOf(`x${request}`), peer(request));
    cells.onLoaded(KEY, { status: 'missing' });
    take();

    cells.onStoreFailed(KEY, 2);
    cells.mint(KEY, 3);
    expect(take()).toEqual(['2 failed', 'unsound 3']);
    cells.onStored(KEY, 1);
    expect([take(), cells.size]).toEqual([['1 durable'], 0]);
  });

  it('say where the record beside a write is damaged, and let nobody stand in there', () => {
    const { cells, take } = createCells();
    const standIn = { ...peer(2), for: 'standIn', target: 'n9', key: KEY } as unknown as Waiter;
    cells.merge(KEY, recordOf('x'), peer(1));
    cells.merge(KEY, recordOf('y'), standIn);
    cells.onLoaded(KEY, { status: 'damaged' });
    cells.onStored(KEY, 1);
    expect([take(), cells.size]).toEqual([['load k', 'store k x', '2 failed', '1 partial'], 0]);
  });

  it('leave the earlier writes answered where a later store fails', () => {
    const { cells, take } = createCells();
    for (const request of [1, 2]) cells.merge(KEY, recordOf(`x${request}`), peer(request));
    cells.onLoaded(KEY, { status: 'missing' });
    cells.onStored(KEY, 1);
    cells.onStoreFailed(KEY, 2);
    expect(take().slice(-2)).toEqual(['1 durable', '2 failed']);
  });

  it('ignore events of keys and stores that they do not know', () => {
    const { cells, take } = createCells();
    cells.onLoaded(KEY, { status: 'missing' });
    cells.onStored(KEY, 1);
    cells.onStoreFailed(KEY, 1);
    expect([take(), cells.size]).toEqual([[], 0]);
  });
});

describe('a record that was handed over', () => {
  it('is dropped where it is still that record', () => {
    const { cells, take } = createCells();
    cells.drop(KEY, same(recordOf('x')));
    cells.onLoaded(KEY, found(recordOf('x')));
    expect([take(), cells.size]).toEqual([['load k', 'drop k'], 1]);
    cells.onStored(KEY, 1);
    expect([take(), cells.size]).toEqual([[], 0]);
  });

  it.each<[string, ReadResult]>([
    ['something was merged into it since', found(mergeRecords(recordOf('x'), recordOf('y')))],
    ['it is another', found(recordOf('y'))],
    ['it is gone already', { status: 'missing' }],
    ['it is damaged', { status: 'damaged' }],
    ['it cannot be loaded', { status: 'failed' }],
  ])('stays as it is where %s', (_, result) => {
    const { cells, take } = createCells();
    cells.drop(KEY, same(recordOf('x')));
    cells.onLoaded(KEY, result);
    expect([take(), cells.size]).toEqual([['load k'], 0]);
  });

  it('stays where it is owed to another node', () => {
    const { cells, take } = createCells({ owed: [KEY] });
    cells.drop(KEY, same(recordOf('x')));
    cells.onLoaded(KEY, found(recordOf('x')));
    expect([take(), cells.size]).toEqual([['load k'], 0]);
  });

  it('stays while a write of the same record is on its way to the disk: somebody counts on that', () => {
    const { cells, take } = createCells();
    cells.merge(KEY, recordOf('x'), peer(1));
    cells.onLoaded(KEY, { status: 'missing' });
    cells.drop(KEY, same(recordOf('x')));
    cells.onStored(KEY, 1);
    expect([take(), cells.size]).toEqual([['load k', 'store k x', '1 durable'], 0]);
  });

  it('is stored anew where it comes again while it is dropped', () => {
    const { cells, take } = createCells();
    cells.drop(KEY, same(recordOf('x')));
    cells.onLoaded(KEY, found(recordOf('x')));
    cells.merge(KEY, recordOf('x'), peer(1));
    expect(take()).toEqual(['load k', 'drop k', 'store k x']);
    cells.onStored(KEY, 1);
    expect(take()).toEqual([]);
    cells.onStored(KEY, 2);
    expect([take(), cells.size]).toEqual([['1 durable'], 0]);
  });

  it('fails the writes that came after it where the disk refuses it', () => {
    const { cells, take } = createCells();
    cells.drop(KEY, same(recordOf('x')));
    cells.onLoaded(KEY, found(recordOf('x')));
    cells.merge(KEY, recordOf('y'), peer(1));
    cells.onStoreFailed(KEY, 1);
    cells.onStoreFailed(KEY, 2);
    expect([take().at(-1), cells.size]).toEqual(['1 failed', 0]);
  });
});

describe('the bound of bytes that wait (I14)', () => {
  it('refuses at once what goes over it, and loads nothing for that', () => {
    const { cells, take } = createCells({ bytesMax: 1000 });
    cells.merge(KEY, recordOf('x', 600), peer(1));
    cells.merge(OTHER, recordOf('x', 600), peer(2));
    expect([take(), cells.size]).toEqual([['load k', '2 failed'], 1]);
  });

  it.each(['stored', 'store failed', 'load failed', 'nothing new'])('gives bytes back: %s', (how) => {
    const { cells, take } = createCells({ bytesMax: 1000 });
    for (let request = 1; request <= 5; request++) {
      cells.merge(KEY, recordOf('x', 600), peer(request));
      if (how === 'load failed') cells.onLoaded(KEY, { status: 'failed' });
      else cells.onLoaded(KEY, how === 'nothing new' ? found(recordOf('x', 600)) : { status: 'missing' });
      if (how === 'stored') cells.onStored(KEY, request);
      if (how === 'store failed') cells.onStoreFailed(KEY, request);
    }
    expect(take().filter((line) => line === 'load k')).toHaveLength(5);
    expect(cells.size).toBe(0);
  });

  it('gives bytes back write by write to a key that is never idle', () => {
    const { cells, take } = createCells({ bytesMax: 2000 });
    cells.merge(KEY, recordOf('x0', 600), peer(0));
    cells.onLoaded(KEY, { status: 'missing' });
    for (let request = 1; request <= 20; request++) {
      cells.merge(KEY, recordOf(`x${request}`, 600), peer(request));
      cells.onStored(KEY, request);
    }
    expect([take().filter((line) => line.endsWith('failed')), cells.size]).toEqual([[], 1]);
  });
});
