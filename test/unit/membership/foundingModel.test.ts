import { describe, expect, it } from '@jest/globals';
import type { NodeId } from '../../../services/node/core/types.js';
import { Model, withSeeds } from './support/model.js';

const RUNS = 300;
const STEPS = 500;

const IDS = ['a', 'b', 'c', 'd', 'e'] as NodeId[];

type ModelNode = Model['nodes'][number];

/** Whether a document that was decided would be found again on this disk. */
function holds({ disk: { vote, cluster } }: ModelNode): boolean {
  return cluster !== undefined || (vote.kind === 'founding' && vote.decided);
}

/** The last disk that knows of the cluster is never lost: without it there is no cluster. */
function wipe(model: Model, node: ModelNode): void {
  model.crash(node);
  const holders = model.nodes.filter(holds);
  if (holders.length === 0 || holders.some((other) => other !== node)) model.lose(node, true);
}

/** All crash at once; whoever knows of a cluster by then comes back with nobody to tell. */
function powerCut(model: Model): void {
  for (const node of model.nodes) model.crash(node);
  for (const node of model.nodes) model.start(node);
  model.cut = model.nodes.find(holds)?.id;
}

function step(model: Model, wipes: number): void {
  const die = model.random();
  const node = model.pick(model.nodes)!;
  if (die < 0.45) {
    if (model.chance(0.1)) model.deliver('lose');
    else if (model.chance(0.1)) model.deliver('double');
    else model.deliverAny();
  } else if (die < 0.7) {
    const writing = model.pick(model.writes);
    // A slow disk is one whose work is lost when the power goes.
    if (writing && !(model.isSlow && model.chance(0.8))) model.work(writing, model.chance(0.85));
  } else if (die < 0.93) model.tick(model.pick([10, 50, 300])!, model.chance(0.6) ? model.nodes : [node]);
  else if (die < 0.95) model.crash(node);
  else if (die < 0.957) powerCut(model);
  else if (die < 0.957 + wipes) wipe(model, node);
  else if (die < 0.995) model.start(node);
  else if (model.chance(0.5)) model.cut = model.chance(0.5) ? undefined : node.id;
}

/** It forgets nothing before all nodes know it: the proposer may make another attempt until then. */
function useStore(model: Model): void {
  if (model.chance(0.3)) model.workStore(model.chance(0.6) ? 'done' : model.pick(['lost', 'unsaid', 'late']));
  if (model.chance(0.02)) model.store!.workLate();
  if (model.chance(0.005) && model.nodes.every(({ disk }) => disk.cluster)) model.store!.wipe();
}

/** Throws where two clusters came to be, in whatever state. */
function expectOneCluster(model: Model): void {
  const clusters = model.nodes.flatMap(({ disk: { vote, cluster } }) => [
    ...(cluster ? [cluster] : []),
    ...(vote.kind === 'founding' && vote.decided ? [vote.proposal] : []),
  ]);
  const keys = new Set(
    clusters.map(({ versionKey, document }) => `${document.clusterId} ${versionKey.join()}`),
  );
  if (keys.size > 1) throw new Error(`two clusters: ${[...keys].join(' and ')}`);
}

function run(model: Model, wipes: number): void {
  for (let i = 0; i < STEPS; i++) {
    step(model, wipes);
    expectOneCluster(model);
  }
}

const isFounded = (model: Model, ids: readonly NodeId[]): boolean =>
  model.nodes.every(({ id, disk }) => !ids.includes(id) || disk.cluster !== undefined);

describe('founding under faults', () => {
  it('makes one cluster of all that were expected, with one key, whatever is lost before (R8)', () => {
    const early = { founded: 0 };
    withSeeds(RUNS, (seed) => {
      const ids = IDS.slice(0, [3, 3, 2, 4, 1][seed % 5]);
      const model = new Model({ seed, ids, expects: () => ids.length });
      run(model, seed % 2 === 0 ? 0.01 : 0);
      if (isFounded(model, ids)) early.founded += 1;
      const isDone = model.calm(60_000, () => isFounded(model, ids));
      if (!isDone) {
        const views = model.nodes.map(({ life }) => life?.founding.view());
        throw new Error(`nothing was founded: ${JSON.stringify(views)}`);
      }
      expectOneCluster(model);
      expect(model.nodes.map(({ disk }) => disk.cluster?.document.nodes.map(({ id }) => id))).toEqual(
        ids.map(() => ids),
      );
    });
    // The faults are neither so many that nothing happens among them, nor so few that they come too late.
    expect(early.founded).toBeGreaterThan(RUNS / 20);
    expect(early.founded).toBeLessThan((RUNS * 19) / 20);
  });

  it('makes one cluster where document 1 lies in a store, also one that fails and forgets it later (R8)', () => {
    const seen = { founded: 0, losses: 0 };
    withSeeds(RUNS / 3, (seed) => {
      const ids = IDS.slice(0, [3, 3, 2, 4, 1][seed % 5]);
      const model = new Model({ seed, ids, expects: () => ids.length, hasStore: true });
      for (let i = 0; i < STEPS; i++) {
        step(model, seed % 2 === 0 ? 0.01 : 0);
        useStore(model);
        expectOneCluster(model);
      }
      if (isFounded(model, ids)) seen.founded += 1;
      seen.losses += model.store!.losses;
      const isDone = model.calm(60_000, () => isFounded(model, ids) && model.store!.document !== undefined);
      if (!isDone) throw new Error('nothing was founded');
      expectOneCluster(model);
      const clusterIds = model.nodes.map(({ disk }) => disk.cluster?.document.clusterId);
      expect(clusterIds).toEqual(ids.map(() => model.store!.document?.clusterId));
    });
    expect(seen.founded).toBeGreaterThan(RUNS / 20);
    expect(seen.losses).toBeGreaterThan(RUNS / 20);
  });

  it('with one candidate too many there may be no cluster, but never two (R8)', () => {
    withSeeds(RUNS, (seed) => {
      const ids = IDS.slice(0, 4 + (seed % 2));
      const temper = { secrecy: 0.9, doubt: 0, luck: 0.1 };
      const model = new Model({ seed, ids, expects: () => 3, temper });
      // Some come late.
      for (const node of model.nodes.slice(3)) if (model.chance(0.9)) model.crash(node);
      run(model, seed % 3 === 0 ? 0.01 : 0);
      model.calm(3000, () => false);
      expectOneCluster(model);
      const cluster = model.nodes.flatMap(({ disk }) => disk.cluster ?? [])[0];
      expect(cluster?.document.nodes.length ?? 3).toBe(3);
    });
  });

  it('a node that founds nothing is never listed, and neither helps nor hinders (R8)', () => {
    withSeeds(RUNS / 4, (seed) => {
      const ids = IDS.slice(0, 4);
      const joining = ids[seed % 4]!;
      const model = new Model({ seed, ids, expects: (id) => (id === joining ? 0 : 3) });
      run(model, 0);
      const founders = ids.filter((id) => id !== joining);
      expect(model.calm(60_000, () => isFounded(model, founders))).toBe(true);
      const joiner = model.nodes.find(({ id }) => id === joining)!;
      expect([joiner.disk.cluster, joiner.disk.vote.kind]).toEqual([undefined, 'none']);
      model.calm(1000, () => false);
      expect(joiner.life?.founding.view().troubles).toMatchObject([{ code: 'not_listed', epoch: 1 }]);
    });
  });

  it('votes that were not durable at a power cut had not been counted (R8)', () => {
    const ids = IDS.slice(0, 4);
    const temper = { secrecy: 1, doubt: 0, luck: 0 };
    const model = new Model({ seed: 1, ids, expects: () => 3, temper });
    const [first, second, third, spare] = model.nodes as [ModelNode, ModelNode, ModelNode, ModelNode];
    model.crash(spare);
    pass(model, 3000, [first]);
    expect(first.disk.vote.kind).toBe('founding');
    for (const node of [second, third]) model.crash(node);
    for (const node of [second, third, spare]) model.start(node);
    model.cut = first.id;
    pass(model, 5000, [second, third, spare]);
    expectOneCluster(model);
    // The others may found one without it: nobody's vote had come to be.
    expect(second.disk.cluster?.document.nodes.map(({ id }) => id)).toEqual(ids.slice(1));
  });
});

/** Time in which every message arrives, but only these nodes have disks that work. */
function pass(model: Model, ms: number, working: readonly ModelNode[]): void {
  for (let passed = 0; passed < ms; passed += 20) {
    model.tick(20);
    while (model.packets > 0 || working.some(({ life }) => life && life.writes.length > 0)) {
      model.deliver();
      for (const node of working) model.work(node, true);
    }
  }
}
