import { describe, expect, it } from '@jest/globals';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { getOutcome, onDisk, putOutcome, read, write } from '../support/outcomes.js';
import {
  bytes,
  createStepCluster,
  isChange,
  isLoad,
  isMessage,
  isStore,
  key,
  NODE_TIMEOUT_MS,
  type PendingStore,
  type StepCluster,
  textOf,
  TIMEOUT_MS,
} from '../support/stepCluster.js';

const KEY = key('k');
const OTHER = key('other');
const PROBE_EVERY_MS = NODE_TIMEOUT_MS / 10;

/** Three nodes that have not heard of each other yet. */
function strangers() {
  const cluster = createStepCluster({ probes: 'byHand' });
  return { cluster, nodes: cluster.ids as [NodeId, NodeId, NodeId] };
}

/** The node probes the others, and hears from these only. */
function hearFrom(cluster: StepCluster, node: NodeId, ...answering: readonly NodeId[]): void {
  cluster.advance(PROBE_EVERY_MS);
  const isHeard = isMessage('ping');
  cluster.runAll((item) => isHeard(item) && item.from === node && answering.includes(item.to));
  cluster.drop(isMessage('ping'));
  cluster.runAll(isMessage('pong', node));
}

const actorsOn = (cluster: StepCluster, node: NodeId, which: Key = KEY): readonly string[] =>
  (cluster.disk(node).records.get(which)?.siblings ?? []).map(({ dot }) => dot.actor);

describe('a node that nobody has vouched for since its start (R12)', () => {
  it('counts for nothing in a strict read until a majority has answered it', () => {
    const { cluster, nodes } = strangers();
    const [a, b, c] = nodes;
    const strict = () => {
      const ticket = cluster.get(a, { key: KEY, minReads: 1, quorum: 'strict' });
      cluster.runAll();
      return getOutcome(cluster, ticket);
    };
    expect(strict()).toMatchObject({ code: 'no_complete_replica', got: 0 });
    hearFrom(cluster, b, c);
    expect(strict()).toMatchObject({ ok: true, values: [] });
    hearFrom(cluster, a, b);
    cluster.restart(b);
    cluster.restart(c);
    expect(strict()).toMatchObject({ ok: true, values: [] });
  });

  it('counts in a sloppy read at once', () => {
    const { cluster, nodes } = strangers();
    expect(read(cluster, nodes[0], KEY, 3)).toMatchObject({ ok: true, values: [] });
  });

  it('passes a strict write on, and coordinates a sloppy one', () => {
    const { cluster, nodes } = strangers();
    const [a, b, c] = nodes;
    hearFrom(cluster, b, c);
    const strict = cluster.put(a, { key: KEY, quorum: 'strict' });
    const sloppy = cluster.put(a, { key: OTHER });
    cluster.runAll();
    expect([putOutcome(cluster, strict), putOutcome(cluster, sloppy)]).toMatchObject([
      { ok: true },
      { ok: true },
    ]);
    expect(actorsOn(cluster, a, KEY)).not.toContain('actor-n1');
    expect(cluster.facts).toEqual(['forwarded']);
  });

  it('mints under the actor of this life until all others have answered, and then under its own', () => {
    const { cluster, nodes } = strangers();
    const [a, b, c] = nodes;
    const put = () => {
      cluster.put(a, { key: KEY, onConflict: 'sibling' });
      cluster.runAll();
    };
    put();
    hearFrom(cluster, a, b);
    put();
    expect(actorsOn(cluster, a)).toEqual(['spare-n1-1', 'spare-n1-1']);
    expect([cluster.disk(a).counter, cluster.node(a).view().vouched]).toEqual([0, false]);

    hearFrom(cluster, a, c);
    put();
    expect(actorsOn(cluster, a)).toEqual(['actor-n1', 'spare-n1-1', 'spare-n1-1']);
    expect([cluster.disk(a).counter, cluster.node(a).view().vouched]).toEqual([1, true]);
  });

  it('is not vouched for by an answer to a probe of its last life', () => {
    const { cluster, nodes } = strangers();
    const [a, b, c] = nodes;
    cluster.advance(PROBE_EVERY_MS);
    for (const other of [b, c]) cluster.runAll(isMessage('ping', other));
    cluster.restart(a);
    cluster.runAll(isMessage('pong', a));
    expect(cluster.node(a).view().vouched).toBe(false);
    hearFrom(cluster, a, b, c);
    expect(cluster.node(a).view().vouched).toBe(true);
  });

  it('never uses a dot again, however often it starts while one is away (I4)', () => {
    const stored: PendingStore['effect'][] = [];
    const cluster = createStepCluster({
      onEffect: (_, effect) => {
        if (effect.type === 'store') stored.push(effect);
      },
    });
    const [a, b, c] = cluster.ids as [NodeId, NodeId, NodeId];
    for (let life = 0; life < 6; life++) {
      if (life % 2 === 0) cluster.absent.add(c);
      else cluster.restart(c);
      cluster.restart(a);
      for (const n of [1, 2]) {
        cluster.put(a, { key: KEY, value: bytes(`life ${life} write ${n}`), onConflict: 'sibling' });
        cluster.runAll();
      }
    }
    const values = new Map<string, Set<string>>();
    for (const { dot, value } of stored.flatMap(({ record }) => record.siblings)) {
      const name = `${dot.actor} ${dot.counter}`;
      values.set(name, (values.get(name) ?? new Set()).add(textOf(value)));
    }
    expect([...values.values()].filter((texts) => texts.size > 1)).toEqual([]);
    expect(values.size).toBe(12);
    expect(cluster.disk(b).actor).toBe('actor-n2');
  });
});

describe('a node whose directory was put back to an old copy (R12)', () => {
  /** A copy of a node's disk that lacks its newest writes, one of which it has minted itself. */
  function outdated() {
    const cluster = createStepCluster();
    const [a, b, c] = cluster.ids as [NodeId, NodeId, NodeId];
    write(cluster, a, { key: OTHER, value: bytes('old') });
    const copy = cluster.backUp(a);
    for (let n = 0; n < 20; n++) write(cluster, a, { key: key(`more ${n}`) });
    const version = write(cluster, a, { key: KEY, value: bytes('one') });
    cluster.elapse(400);
    return { cluster, a, b, c, copy, version };
  }

  function expectRenounced(cluster: StepCluster, node: NodeId): void {
    expect(cluster.node(node).view()).toMatchObject({ complete: false });
    expect(cluster.disk(node)).toMatchObject({ actor: cluster.node(node).view().actor });
    expect(cluster.disk(node).actor).toMatch(/^spare-/);
    expect(cluster.facts.filter((fact) => fact === 'directoryRenounced')).toHaveLength(1);
  }

  it('is told so by the others, takes a new actor once, and counts for nothing from then on', () => {
    const { cluster, a, b, copy, version } = outdated();
    cluster.putBack(a, copy);
    expectRenounced(cluster, a);

    for (const node of [a, b]) {
      expect(read(cluster, node, KEY)).toEqual({ ok: true, version, values: ['one'] });
    }
    const alone = cluster.get(a, { key: KEY, minReads: 3 });
    cluster.runAll();
    expect(getOutcome(cluster, alone)).toMatchObject({ ok: false, wanted: 3 });
  });

  it('is told so though the first answers are lost, and its own news come to the others before', () => {
    const { cluster, a, b, c, copy } = outdated();
    cluster.absent.add(b).add(c);
    cluster.putBack(a, copy);
    expect(cluster.node(a).view().complete).toBe(true);
    cluster.absent.clear();
    // The others hear of this life and of many batches in it, and nothing of what they say arrives.
    for (const other of [b, c]) {
      for (const sequence of [copy.sequence + 1, copy.sequence + 500]) {
        const { actor, incarnation } = cluster.disk(a);
        const heights = [{ node: a, actor, incarnation, sequence }];
        cluster.silent.add(a);
        const message = { type: 'ping', request: 0, epoch: 1, heights } as const;
        cluster.step(other, { type: 'message', from: a, message, remainingMs: 100 });
      }
    }
    cluster.silent.clear();
    cluster.elapse(400);
    expectRenounced(cluster, a);
  });

  it('is told so by one that was restarted itself, out of what that had kept', () => {
    const { cluster, a, b, c, copy } = outdated();
    cluster.elapse(2000);
    cluster.restart(b);
    cluster.absent.add(c);
    cluster.putBack(a, copy);
    expectRenounced(cluster, a);
  });

  it('stays under its new actor, and incomplete, over further starts', () => {
    const { cluster, a, copy } = outdated();
    cluster.putBack(a, copy);
    const { actor } = cluster.disk(a);
    cluster.restart(a);
    cluster.elapse(400);
    expect(cluster.node(a).view()).toMatchObject({ complete: false, actor });
    expectRenounced(cluster, a);
  });

  it('gives up its actor without using any dot of it again, also of writes that were under way (I4)', () => {
    const { cluster, a, b, c, copy } = outdated();
    cluster.absent.add(b).add(c);
    cluster.putBack(a, copy);
    const ticket = cluster.put(a, { key: KEY, value: bytes('two') });
    cluster.runAll(isLoad(a));
    expect(cluster.pending.find(isStore(a))!.effect.record.siblings[0]!.dot.actor).toMatch(/^spare-/);
    cluster.absent.clear();
    cluster.advance(PROBE_EVERY_MS);
    cluster.runAll((item) => !isMessage()(item));
    expectRenounced(cluster, a);
    expect(cluster.disk(a).counter).toBe(1);
    cluster.runAll();
    cluster.advance(TIMEOUT_MS);
    expect(cluster.replies(ticket)).toHaveLength(1);
    expect(onDisk(cluster, b, KEY)).toContain('two');
  });

  it('orders the new actor behind the stores that still belong to the old one', () => {
    const { cluster, a } = outdated();
    cluster.put(a, { key: key('x') });
    cluster.runAll(isLoad(a));
    const heights = [{ node: a, actor: cluster.disk(a).actor, incarnation: 1, sequence: 9999 }];
    const message = { type: 'ping', request: 0, epoch: 1, heights } as const;
    cluster.step(a, { type: 'message', from: cluster.ids[1]!, message, remainingMs: 100 });
    const changes = cluster.pending.filter((item) => isStore(a)(item) || isChange('renounce', a)(item));
    expect(changes.map(({ kind }) => kind)).toEqual(['store', 'change']);
    cluster.runAll();
    expectRenounced(cluster, a);
    expect(cluster.disk(a).counter).toBe(0);
  });

  it('is not taken for one where it is the right directory, after any stop', () => {
    const { cluster, a } = outdated();
    for (let starts = 0; starts < 5; starts++) {
      cluster.restart(a);
      write(cluster, a, { key: KEY, onConflict: 'sibling' });
    }
    cluster.elapse(400);
    expect(cluster.node(a).view()).toMatchObject({ complete: true, vouched: true, actor: 'actor-n1' });
    expect(cluster.facts).not.toContain('directoryRenounced');
  });
});

describe('a node whose directory was lost (I4, R12)', () => {
  it('is not the one that the document lists, so that its emptiness counts for nothing', () => {
    const cluster = createStepCluster();
    const [a, b] = cluster.ids as [NodeId, NodeId];
    const version = write(cluster, b, { key: KEY, value: bytes('one'), minWrites: 2 });
    cluster.elapse(400);
    cluster.wipe(a);

    expect(cluster.node(a).view()).toMatchObject({ complete: false });
    expect(cluster.disk(a).actor).toBe('actor-n1-1');
    expect(read(cluster, a, KEY)).toEqual({ ok: true, version, values: ['one'] });
    const alone = cluster.get(a, { key: KEY, minReads: 1 });
    cluster.runAll();
    expect(getOutcome(cluster, alone)).toMatchObject({ values: ['one'] });
  });

  it('is told so though the first answers are lost', () => {
    const cluster = createStepCluster();
    const [a, b, c] = cluster.ids as [NodeId, NodeId, NodeId];
    write(cluster, b, { key: KEY });
    cluster.elapse(400);
    cluster.absent.add(b).add(c);
    cluster.wipe(a);
    cluster.absent.clear();
    for (const other of [b, c]) {
      const { actor, incarnation, sequence } = cluster.disk(a);
      const message = {
        type: 'ping',
        request: 0,
        epoch: 1,
        heights: [{ node: a, actor, incarnation, sequence }],
      } as const;
      cluster.silent.add(a);
      cluster.step(other, { type: 'message', from: a, message, remainingMs: 100 });
    }
    cluster.silent.clear();
    cluster.elapse(400);
    expect(cluster.node(a).view().complete).toBe(false);
  });
});
