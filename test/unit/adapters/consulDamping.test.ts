import { describe, expect, it } from '@jest/globals';
import {
  type Damped,
  dampen,
  nextDueMs,
  toldNodes,
  UNDAMPED,
} from '../../../services/node/adapters/consul-membership/damping.js';
import type { RegisteredNode } from '../../../services/node/core/protocol/store.js';
import type { NodeId } from '../../../services/node/core/types.js';

const TUNING = { holdMs: 3000, holdMsMax: 60_000, steadyMs: 120_000 };
const A = 'a' as NodeId;

type Standing = 'passing' | 'failing' | 'absent';

function viewOf(standing: Standing, busAddress = 'a:1'): ReadonlyMap<NodeId, RegisteredNode> {
  const node = { node: A, busAddress, passing: standing === 'passing' };
  return new Map(standing === 'absent' ? [] : [[A, node] as const]);
}

function toldOf(damped: Damped): Standing {
  const [node] = toldNodes(damped);
  if (!node) return 'absent';
  return node.passing ? 'passing' : 'failing';
}

/** One look a second, beginning with the first; gives the times at which something else was told. */
function changesOf(seconds: number, standingAt: (second: number) => Standing): [number, Standing][] {
  let damped = UNDAMPED;
  let told: Standing = 'absent';
  const changes: [number, Standing][] = [];
  for (let second = 0; second < seconds; second++) {
    damped = dampen(damped, viewOf(standingAt(second)), second * 1000, TUNING);
    if (toldOf(damped) !== told) changes.push([second, (told = toldOf(damped))]);
  }
  return changes;
}

describe('damping of what Consul says of nodes', () => {
  it('a new node is told at once, and that it passes for the first time', () => {
    expect(changesOf(10, (second) => (second < 2 ? 'failing' : 'passing'))).toEqual([
      [0, 'failing'],
      [2, 'passing'],
    ]);
  });

  it('a change is told when it has held for 3 s', () => {
    expect(changesOf(20, (second) => (second < 5 ? 'passing' : 'failing'))).toEqual([
      [0, 'passing'],
      [8, 'failing'],
    ]);
  });

  it('a change that does not hold for so long is never told', () => {
    expect(changesOf(30, (second) => (second === 5 || second === 6 ? 'failing' : 'passing'))).toEqual([
      [0, 'passing'],
    ]);
  });

  it('a node that leaves the list is told to have left when that has held, and comes back at once', () => {
    const away = changesOf(20, (second) => (second >= 5 && second < 12 ? 'absent' : 'passing'));
    expect(away).toEqual([
      [0, 'passing'],
      [8, 'absent'],
      [12, 'passing'],
    ]);
    expect(changesOf(20, (second) => (second === 5 ? 'absent' : 'passing'))).toEqual([[0, 'passing']]);
  });

  it.each([1, 2])('a check that flaps every %d s for two minutes changes nothing', (period) => {
    const flapping = (second: number): Standing =>
      second < 120 && Math.floor(second / period) % 2 === 1 ? 'failing' : 'passing';
    expect(changesOf(400, flapping)).toEqual([[0, 'passing']]);
  });

  it('a node that dies after it has flapped is told within the bound', () => {
    const dying = (second: number): Standing => (second < 120 && second % 2 === 0 ? 'passing' : 'failing');
    const changes = changesOf(400, dying);
    expect(changes).toEqual([
      [0, 'passing'],
      [179, 'failing'],
    ]);
  });

  it.each([4, 10, 30])('one that flaps every %d s is told ever more rarely', (period) => {
    const flapping = (second: number): Standing =>
      Math.floor(second / period) % 2 === 1 ? 'failing' : 'passing';
    const changes = changesOf(1200, flapping);
    const late = changes.filter(([second]) => second > 600);
    expect(late.length).toBeLessThanOrEqual(1);
    expect(changes.length).toBeLessThan(12);
  });

  it('after a steady while earlier changes are forgotten', () => {
    const flapping = (second: number): Standing => (second < 20 && second % 2 === 1 ? 'failing' : 'passing');
    const changes = changesOf(400, (second) => (second < 200 ? flapping(second) : 'failing'));
    expect(changes).toEqual([
      [0, 'passing'],
      [203, 'failing'],
    ]);
  });

  it('an address is told at once, whatever the check does', () => {
    const before = dampen(UNDAMPED, viewOf('passing'), 0, TUNING);
    const after = dampen(before, viewOf('failing', 'a:2'), 1000, TUNING);
    expect(toldNodes(after)).toEqual([{ node: A, busAddress: 'a:2', passing: true }]);
  });

  it('says when to look again, and never where nothing waits', () => {
    const steady = dampen(UNDAMPED, viewOf('passing'), 0, TUNING);
    expect(nextDueMs(steady, TUNING)).toBe(Infinity);
    const waiting = dampen(steady, viewOf('failing'), 1000, TUNING);
    expect(nextDueMs(waiting, TUNING)).toBe(4000);
    expect(toldOf(dampen(waiting, viewOf('failing'), 4000, TUNING))).toBe('failing');
  });

  it('keeps nothing of nodes that have left', () => {
    let damped = dampen(UNDAMPED, viewOf('passing'), 0, TUNING);
    for (const nowMs of [1000, 5000, 9000]) damped = dampen(damped, viewOf('absent'), nowMs, TUNING);
    expect(damped.nodes.size).toBe(0);
  });
});
