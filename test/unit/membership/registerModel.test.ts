import { describe, expect, it } from '@jest/globals';
import { readdressed } from '../../../services/node/core/membership/changes.js';
import { documentText } from '../../../services/node/core/membership/documentText.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';
import { Model, withSeeds } from './support/model.js';

const RUNS = 400;
const STEPS = 600;

interface Rates {
  /** Of messages that are delivered: how many are lost, and how many stay to come again. */
  readonly loss: number;
  readonly deliver: number;
  readonly propose: number;
  readonly crash: number;
  readonly loseVotes: number;
}

/** Few faults in some runs, in others so many that a document is rarely decided, and hardly known. */
const RATES: readonly Rates[] = [
  { loss: 0.1, deliver: 0.6, propose: 0.03, crash: 0.005, loseVotes: 0.001 },
  { loss: 0.3, deliver: 0.6, propose: 0.1, crash: 0.01, loseVotes: 0.02 },
  { loss: 0.05, deliver: 0.6, propose: 0.1, crash: 0.03, loseVotes: 0.006 },
];

function createModel(seed: number): Model {
  const ids = ['a', 'b', 'c', 'd', 'e'].slice(0, [3, 5, 3, 5, 4, 2, 1][seed % 7]) as NodeId[];
  const document = foundDocument({
    ...{ clusterId: 'cluster', partitions: 8, replicas: 3 },
    nodes: ids.map((id) => clusterNode(id)),
  });
  const cluster = { document, versionKey: new Uint8Array(32) };
  const temper = {
    secrecy: [0, 0.5, 0.95][seed % 3]!,
    doubt: [0, 0.6][Math.floor(seed / 3) % 2]!,
    luck: [0.5, 0.1][seed % 2]!,
  };
  return new Model({ seed, ids, cluster, expects: () => 0, temper });
}

/** As many vote files may be lost at a time as leave a majority that votes. */
function loseVotes(model: Model): void {
  const node = model.pick(model.nodes)!;
  const voters = model.nodes.filter((other) => other !== node && model.isVoter(other)).length;
  if (voters > (model.newest?.nodes.length ?? 0) / 2) model.lose(node, false);
  else model.crash(node);
  if (model.chance(0.5)) return;
  // It is back at once, with nobody to tell it what it had agreed to.
  model.start(node);
  model.cut = model.pick(model.nodes.filter((other) => other !== node))?.id;
}

function powerCut(model: Model): void {
  for (const node of model.nodes) model.crash(node);
  for (const node of model.nodes) model.start(node);
}

let lastAddress = 0;

function propose(model: Model): void {
  const node = model.nodes.find((other) => other.life && !model.isVoter(other)) ?? model.pick(model.nodes)!;
  if (!model.isVoter(node)) return model.proposeVoter(node);
  const address = `host:${++lastAddress}`;
  model.propose(node, (document) =>
    readdressed(document, node.id, { busAddress: address, httpAddress: address }),
  );
}

/** The more is under way, the more arrives. */
function deliverSome(model: Model): void {
  for (let left = 1 + model.packets / 8; left > 0; left--) model.deliverAny();
}

function step(model: Model, rates: Rates): void {
  const { loss, deliver, propose: proposals, crash } = rates;
  const node = model.pick(model.nodes)!;
  const actions: readonly (readonly [number, () => void])[] = [
    [deliver * (1 - loss), () => deliverSome(model)],
    [deliver * loss, () => model.deliver(model.chance(0.5) ? 'lose' : 'double')],
    [0.25, () => model.work(model.pick(model.writes) ?? node, model.chance(0.95))],
    [0.15, () => model.tick(model.pick([10, 50, 300])!, model.chance(0.5) ? model.nodes : [node])],
    [proposals, () => propose(model)],
    [crash, () => model.crash(node)],
    [crash / 4, () => powerCut(model)],
    [rates.loseVotes, () => loseVotes(model)],
    [8 * crash, () => model.start(node)],
    [0.01, () => (model.cut = model.chance(0.7) ? undefined : node.id)],
  ];
  let die = model.random() * actions.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of actions) {
    die -= weight;
    if (die < 0) return act();
  }
}

/** All have the newest document, which lists all of their vote files. */
function isSettled(model: Model): boolean {
  return model.nodes.every((node) => {
    const document = node.life?.register?.document;
    return document && model.isVoter(node) && documentText(document) === model.committed.get(document.epoch);
  });
}

describe('the register under faults', () => {
  it('never commits two documents of one epoch, never goes back, and commits again when all is calm (R7)', () => {
    let epochs = 0;
    withSeeds(RUNS, (seed) => {
      const model = createModel(seed);
      const rates = RATES[Math.floor(seed / 7) % RATES.length]!;
      for (let i = 0; i < STEPS; i++) step(model, rates);
      const isCalm = model.calm(60_000, () => {
        if (isSettled(model)) return true;
        for (const node of model.nodes)
          if (!model.isVoter(node) && model.chance(0.01)) model.proposeVoter(node);
        return false;
      });
      if (!isCalm) throw new Error('the vote files are not listed again');
      expectProgress(model);
      epochs += model.committed.size;
    });
    expect(epochs).toBeGreaterThan(5 * RUNS);
  });
});

/** Every node changes something at the same time; all of it comes to be, at every node. */
function expectProgress(model: Model): void {
  if (!model.calm(20_000, () => model.open === 0)) throw new Error('a proposal has no end');
  model.told.length = 0;
  for (const node of model.nodes) {
    const address = `calm:${node.id}`;
    model.propose(node, (document) =>
      readdressed(document, node.id, { busAddress: address, httpAddress: address }),
    );
  }
  if (!model.calm(20_000, () => model.open === 0)) throw new Error('a proposal has no end');
  expect(model.told.map(({ result }) => result)).toEqual(model.nodes.map(() => 'committed'));
  model.calm(2000, () => isSettled(model));
  const [text, ...others] = model.nodes.map(({ life }) => documentText(life!.register!.document));
  expect(others.every((other) => other === text)).toBe(true);
  expect(model.newest?.nodes.map(({ busAddress }) => busAddress)).toEqual(
    model.nodes.map(({ id }) => `calm:${id}`),
  );
}
