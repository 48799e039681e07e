import { describe, expect, it } from '@jest/globals';
import type { ScanPage } from '../../../services/node/core/protocol/events.js';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { Scans } from '../../../services/node/core/repair/scans.js';
import { rangeOf } from '../../../services/node/core/ring/position.js';
import type { Partition } from '../../../services/node/core/types.js';

const page = (isLast: boolean): ScanPage => ({ entries: [], damaged: [], isLast });
const RANGE = rangeOf(0 as Partition, 8);

function scanning() {
  const outbox = new Outbox();
  const scans = new Scans(outbox);
  const log: string[] = [];
  outbox.begin({ monotonicMs: 0, wallMs: 0 });
  const start = (name: string, on: (what: string) => void = () => undefined) => {
    const note = (what: string): void => {
      log.push(`${name} ${what}`);
      on(what);
    };
    return scans.start(RANGE, {
      begun: () => {
        note('begun');
      },
      page: () => {
        note('page');
      },
      ended: note,
    });
  };
  /** What the scans want done, and what those who started them were told, since the last time. */
  const take = () => {
    const wanted = outbox
      .take()
      .flatMap((effect) => ('scan' in effect ? [`${effect.type} ${effect.scan}`] : []));
    outbox.begin(outbox.now);
    return [wanted, log.splice(0)];
  };
  return { scans, start, take };
}

describe('scans', () => {
  it('get the next page when they have dealt with the last, and end with the last', () => {
    const { scans, start, take } = scanning();
    start('a');
    expect(take()).toEqual([['scan 1'], []]);
    scans.onBegun(1);
    expect(take()).toEqual([['scanNext 1'], ['a begun']]);
    scans.onPage(1, page(false));
    expect(take()).toEqual([['scanNext 1'], ['a page']]);
    scans.onPage(1, page(true));
    expect(take()).toEqual([['scanEnd 1'], ['a page', 'a whole']]);
    expect(scans.size).toBe(0);
  });

  it.each(['before it begins', 'in the midst of it'])('are told that they failed: %s', (when) => {
    const { scans, start, take } = scanning();
    start('a');
    if (when !== 'before it begins') scans.onBegun(1);
    take();
    scans.onFailed(1);
    expect(take()).toEqual([['scanEnd 1'], ['a failed']]);
  });

  it('end once: what comes later is for nobody', () => {
    const { scans, start, take } = scanning();
    start('a');
    scans.onBegun(1);
    scans.onPage(1, page(true));
    take();
    scans.onPage(1, page(true));
    scans.onFailed(1);
    expect(take()).toEqual([[], []]);
  });

  it.each(['begun', 'page'])('are cancelled by whoever is told of their %s, and hear no more', (at) => {
    const { scans, start, take } = scanning();
    const cancel = start('a', (what) => {
      if (what === at) cancel();
    });
    scans.onBegun(1);
    if (at === 'page') scans.onPage(1, page(true));
    const [wanted] = take();
    expect([wanted!.at(-1), scans.size]).toEqual(['scanEnd 1', 0]);
    scans.onPage(1, page(false));
    scans.onFailed(1);
    cancel();
    expect(take()).toEqual([[], []]);
  });

  it('that were cancelled before they began are let go when they do', () => {
    const { scans, start, take } = scanning();
    start('a')();
    expect(take()).toEqual([['scan 1', 'scanEnd 1'], []]);
    scans.onBegun(1);
    expect(take()).toEqual([['scanEnd 1'], []]);
  });

  it('are many at a time, each with its own pages', () => {
    const { scans, start, take } = scanning();
    start('a');
    start('b');
    scans.onBegun(2);
    scans.onPage(2, page(true));
    scans.onBegun(1);
    expect(take()).toEqual([
      ['scan 1', 'scan 2', 'scanNext 2', 'scanEnd 2', 'scanNext 1'],
      ['b begun', 'b page', 'b whole', 'a begun'],
    ]);
  });
});
