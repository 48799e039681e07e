import { describe, expect, it } from '@jest/globals';
import { readdressed } from '../../../services/node/core/membership/changes.js';
import { documentText } from '../../../services/node/core/membership/documentText.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';
import { Model, withSeeds } from './support/model.js';
import type { Fate } from './support/modelStore.js';

const RUNS = 60;
const STEPS = 600;
const IDS = ['a', 'b', 'c', 'd', 'e'] as NodeId[];

interface Rates {
  /** Of messages that are delivered: how many are lost, and how many stay to come again. */
  readonly loss: number;
  /** Of what the store is asked: how much fails. */
  readonly failing: number;
  readonly propose: number;
  readonly crash: number;
  readonly forget: number;
}

const RATES: readonly Rates[] = [
  { loss: 0.1, failing: 0.1, propose: 0.04, crash: 0.005, forget: 0.002 },
  { loss: 0.3, failing: 0.4, propose: 0.1, crash: 0.01, forget: 0.02 },
  { loss: 0.05, failing: 0.2, propose: 0.1, crash: 0.03, forget: 0.01 },
];

function createModel(seed: number): Model {
  const ids = IDS.slice(0, [3, 5, 3, 5, 4, 2, 1][seed % 7]);
  const document = foundDocument({
    ...{ clusterId: 'cluster', partitions: 8, replicas: 3 },
    nodes: ids.map((id) => clusterNode(id)),
  });
  const cluster = { document, versionKey: new Uint8Array(32) };
  const temper = { secrecy: [0, 0.5, 0.95][seed % 3]!, doubt: 0, luck: [0.5, 0.1][seed % 2]! };
  return new Model({ seed, ids, cluster, expects: () => 0, temper, hasStore: true });
}

let lastAddress = 0;

function propose(model: Model): void {
  const node = model.pick(model.nodes)!;
  const address = `host:${++lastAddress}`;
  model.propose(node, (document) =>
    readdressed(document, node.id, { busAddress: address, httpAddress: address }),
  );
}

/** What the store loses is known to a majority: of what only a minority has, a second one of its epoch could come to be. */
function isSpread({ nodes, newest }: Model): boolean {
  const holders = nodes.filter(({ disk }) => disk.cluster?.document.epoch === newest?.epoch);
  return 2 * holders.length > nodes.length;
}

/** Put back while changes are on their way, it could take one of them for the first of its epoch. */
function forget(model: Model): void {
  const store = model.store!;
  const older = model.pick(store.older);
  if (!isSpread(model)) return;
  if (model.chance(0.5)) store.wipe();
  else if (older && store.swaps === 0 && model.open === 0) store.putBack(older);
}

function bar(model: Model): void {
  const isOver = model.chance(0.6);
  const away = isOver ? [] : model.chance(0.5) ? model.nodes : [model.pick(model.nodes)!];
  model.barred.clear();
  for (const { id } of away) model.barred.add(id);
}

function workStore(model: Model, failing: number): void {
  const fate: Fate = model.chance(failing) ? model.pick(['lost', 'unsaid', 'late'])! : 'done';
  model.workStore(fate);
}

function step(model: Model, { loss, failing, propose: proposals, crash, forget: forgetting }: Rates): void {
  const node = model.pick(model.nodes)!;
  const actions: readonly (readonly [number, () => void])[] = [
    [
      0.6 * (1 - loss),
      () => {
        for (let left = 1 + model.packets / 8; left > 0; left--) model.deliverAny();
      },
    ],
    [0.6 * loss, () => model.deliver(model.chance(0.5) ? 'lose' : 'double')],
    [0.25, () => model.work(model.pick(model.writes) ?? node, model.chance(0.95))],
    [0.3, () => workStore(model, failing)],
    [0.02, () => model.store!.workLate()],
    [0.15, () => model.tick(model.pick([10, 50, 300])!, model.chance(0.5) ? model.nodes : [node])],
    [proposals, () => propose(model)],
    [crash, () => model.crash(node)],
    [8 * crash, () => model.start(node)],
    [0.01, () => (model.cut = model.chance(0.7) ? undefined : node.id)],
    [0.01, () => bar(model)],
    [forgetting, () => forget(model)],
  ];
  let die = model.random() * actions.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of actions) {
    die -= weight;
    if (die < 0) return act();
  }
}

/** All have the newest document and know that it cannot be lost, and so has the store. */
function isSettled(model: Model): boolean {
  const texts = model.nodes.map(({ life }) => life?.register && documentText(life.register.document));
  const stored = model.store!.document;
  return (
    stored !== undefined &&
    texts.every((text) => text === documentText(stored)) &&
    model.nodes.every(({ life }) => life!.register!.isSettled)
  );
}

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
  if (!model.calm(10_000, () => isSettled(model))) throw new Error('not all have the same document');
  expect(model.newest?.nodes.map(({ busAddress }) => busAddress)).toEqual(
    model.nodes.map(({ id }) => `calm:${id}`),
  );
}

describe('the register in a store, under faults', () => {
  it('never commits two documents of one epoch, is filled again by whom a majority has answered, and goes on (R7, R8)', () => {
    const seen = { epochs: 0, losses: 0, refills: 0 };
    withSeeds(RUNS, (seed) => {
      const model = createModel(seed);
      const rates = RATES[Math.floor(seed / 7) % RATES.length]!;
      for (let i = 0; i < STEPS; i++) step(model, rates);
      if (!model.calm(60_000, () => isSettled(model))) throw new Error('not all have what the store has');
      expectProgress(model);
      seen.epochs += model.committed.size;
      seen.losses += model.store!.losses;
      seen.refills += model.refills;
    });
    expect(seen.epochs).toBeGreaterThan(5 * RUNS);
    expect(seen.losses).toBeGreaterThan(RUNS / 2);
    expect(seen.refills).toBeGreaterThan(RUNS / 4);
  });
});
