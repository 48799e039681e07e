import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { waitForReady } from '../../scripts/support/nodes.js';
import { pageAt } from '../../scripts/support/page.js';
import { waitUntil } from '../../scripts/support/processes.js';
import { seededRandom, type Random } from '../../scripts/support/random.js';
import { prepareSeparate, type SeparateCluster, type SeparateNode } from '../../scripts/support/separate.js';
import { get, put, texts } from './support/client.js';
import { useStage, type Stage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;
const WAIT_MS = 60_000;

interface Shown {
  readonly complete: boolean;
  readonly document: {
    readonly epoch: number;
    readonly clusterId: string;
    readonly nodes: readonly { readonly id: string; readonly actor: string; readonly state: string }[];
  };
}

function prepare({ folder, ports, cleanup }: Stage, nodes: number): Promise<SeparateCluster> {
  // Rebuilding compares often, so that the tests need not wait for it.
  return prepareSeparate({ folder, ports, cleanup, nodes, flags: ['--anti-entropy-ms=300'] });
}

async function shown({ url }: SeparateNode): Promise<Shown | undefined> {
  try {
    const { status, text } = await pageAt(`${url}/cluster`, 5000);
    return status === 200 ? (JSON.parse(text) as Shown) : undefined;
  } catch {
    return undefined;
  }
}

async function stateOf(node: SeparateNode): Promise<string | undefined> {
  return (await shown(node))?.document.nodes.find(({ id }) => id === node.id)?.state;
}

const logOf = ({ outputFile }: SeparateNode): string => readFileSync(outputFile, 'utf8');

function untilSays(node: SeparateNode, ...words: readonly string[]): Promise<void> {
  const says = () =>
    logOf(node)
      .split('\n')
      .some((line) => words.every((word) => line.includes(word)));
  return waitUntil(`${node.id} says ${words.join(' … ')}`, says, WAIT_MS);
}

async function putAll(cluster: SeparateCluster, keys: readonly string[], minNumWrites = 2): Promise<void> {
  for (const [i, key] of keys.entries()) {
    const url = cluster.urls[i % cluster.urls.length]!;
    expect((await put(url, key, `value of ${key}`, { minNumWrites })).status).toBe(200);
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

const KEYS = Array.from({ length: 60 }, (_, i) => `key ${i}`);

describe('founding, by processes', () => {
  it(
    'five in any order, one late, one wiped in the midst: one cluster, one document, and every key through all',
    async () => {
      const seed = Date.now() % 1_000_000;
      process.stdout.write(`seed ${seed}\n`);
      const random = seededRandom(seed);
      const cluster = await prepare(stage, 5);
      const order = shuffled(cluster.nodes, random);
      const late = order.pop()!;
      const wiped = order[random.below(order.length)]!;
      for (const node of order) {
        node.start();
        await sleep(random.below(100));
      }
      await untilSays(wiped, 'waiting for a cluster');
      wiped.process().kill('SIGKILL');
      await wiped.process().exited;
      rmSync(wiped.dataDir, { recursive: true, force: true });
      wiped.start();
      await sleep(random.below(500));
      late.start();
      await cluster.waitReady(WAIT_MS);

      const documents = await Promise.all(cluster.nodes.map(async (node) => (await shown(node))?.document));
      expect(documents.map((document) => document?.epoch)).toEqual([1, 1, 1, 1, 1]);
      for (const document of documents) expect(document).toEqual(documents[0]);
      expect(documents[0]!.nodes.map(({ state }) => state)).toEqual(Array(5).fill('complete'));
      await putAll(cluster, KEYS.slice(0, 5), 3);
      for (const url of cluster.urls) {
        for (const key of KEYS.slice(0, 5)) expect(texts(await get(url, key))).toEqual([`value of ${key}`]);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'two of three never found a cluster, say whom they wait for, and stop in order; the third completes them',
    async () => {
      const cluster = await prepare(stage, 3);
      const [one, two, three] = cluster.nodes as [SeparateNode, SeparateNode, SeparateNode];
      one.start();
      two.start();
      await untilSays(one, 'waiting for a cluster', '2 of 3', 'node1, node2');
      await untilSays(two, 'waiting for a cluster', '2 of 3', 'node1, node2');
      expect(await shown(one)).toBeUndefined();
      expect(await one.stop()).toEqual({ code: 0, signal: null });
      one.start();
      three.start();
      await cluster.waitReady(WAIT_MS);
      expect((await shown(two))?.document.nodes.map(({ id }) => id)).toEqual(['node1', 'node2', 'node3']);
    },
    TIMEOUT_MS,
  );

  it(
    'one that expects another number of nodes keeps them from founding, and all say so',
    async () => {
      const cluster = await prepare(stage, 3);
      const [one, two, three] = cluster.nodes as [SeparateNode, SeparateNode, SeparateNode];
      one.start();
      two.start({ flags: ['--expect-nodes=2'] });
      three.start();
      await untilSays(one, 'node2 expects 2 nodes and this one 3');
      await untilSays(two, 'node1 expects 3 nodes and this one 2');
      await two.stop();
      two.start();
      await cluster.waitReady(WAIT_MS);
    },
    TIMEOUT_MS,
  );

  it(
    'a node with another number of partitions takes that of the cluster, and is whole from the start',
    async () => {
      const cluster = await prepare(stage, 3);
      const [one, two, three] = cluster.nodes as [SeparateNode, SeparateNode, SeparateNode];
      one.start({ flags: ['--partitions=64'] });
      two.start();
      three.start();
      await cluster.waitReady(WAIT_MS);
      for (const node of cluster.nodes) {
        expect(await shown(node)).toMatchObject({ complete: true, document: { epoch: 1, partitions: 64 } });
      }
      await putAll(cluster, KEYS.slice(0, 5), 3);
    },
    TIMEOUT_MS,
  );
});

describe('nodes of a cluster, by processes', () => {
  it(
    'one that was wiped comes back: rebuilding, then complete by itself, with every acknowledged key',
    async () => {
      const cluster = await prepare(stage, 3);
      for (const node of cluster.nodes) node.start();
      await cluster.waitReady();
      await putAll(cluster, KEYS);
      const victim = cluster.nodes[1]!;
      const before = (await shown(victim))!.document;
      victim.process().kill('SIGKILL');
      await victim.process().exited;
      rmSync(victim.dataDir, { recursive: true });
      victim.start({ founding: false });
      await untilSays(victim, 'this data directory is new to a running cluster');
      await waitUntil('it is complete', async () => (await stateOf(victim)) === 'complete', WAIT_MS);
      await untilSays(victim, '"message":"complete');
      const { document, complete } = (await shown(victim))!;
      expect(complete).toBe(true);
      expect(document.clusterId).toBe(before.clusterId);
      const [old, now] = [before, document].map(
        ({ nodes }) => nodes.find(({ id }) => id === victim.id)!.actor,
      );
      expect(now).not.toBe(old);

      for (const node of cluster.nodes) if (node !== victim) await node.stop();
      for (const key of KEYS) {
        expect(texts(await get(victim.url, key, '?minNumReads=1'))).toEqual([`value of ${key}`]);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'all started again in any order, one late, one with an empty disk and told to found: the same cluster, and it is rebuilt',
    async () => {
      const seed = Date.now() % 1_000_000;
      process.stdout.write(`seed ${seed}\n`);
      const random = seededRandom(seed);
      const cluster = await prepare(stage, 5);
      for (const node of cluster.nodes) node.start();
      await cluster.waitReady();
      await putAll(cluster, KEYS);
      const before = (await shown(cluster.nodes[0]!))!.document;
      const stopped = await Promise.all(cluster.nodes.map((node) => node.stop()));
      expect(stopped.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);

      const order = shuffled(cluster.nodes, random);
      const late = order.pop()!;
      const emptied = order[random.below(order.length)]!;
      rmSync(emptied.dataDir, { recursive: true });
      for (const node of order) {
        node.start();
        await sleep(random.below(100));
      }
      await sleep(random.below(2000));
      late.start();
      await cluster.waitReady(WAIT_MS);
      await waitUntil('it is complete', async () => (await stateOf(emptied)) === 'complete', WAIT_MS);
      const isAgreed = async () => {
        const documents = await Promise.all(cluster.nodes.map(async (node) => (await shown(node))?.document));
        return new Set(documents.map((document) => JSON.stringify(document))).size === 1;
      };
      await waitUntil('all have one document', isAgreed, WAIT_MS);
      const document = (await shown(late))!.document;
      expect(document.clusterId).toBe(before.clusterId);
      expect(document.nodes.map(({ id }) => id)).toEqual(before.nodes.map(({ id }) => id));
      for (const { id, actor } of document.nodes) {
        const same = before.nodes.find((node) => node.id === id)!.actor === actor;
        expect({ id, same }).toEqual({ id, same: id !== emptied.id });
      }
      for (const url of cluster.urls) {
        for (const key of KEYS)
          expect(texts(await get(url, key, '?quorum=strict'))).toEqual([`value of ${key}`]);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'one alone starts from its disk, without anybody, and answers what it holds',
    async () => {
      const cluster = await prepare(stage, 3);
      for (const node of cluster.nodes) node.start();
      await cluster.waitReady();
      await putAll(cluster, KEYS.slice(0, 10), 3);
      for (const node of cluster.nodes) expect((await node.stop()).code).toBe(0);
      const alone = cluster.nodes[2]!;
      alone.start({ founding: false });
      await waitForReady([alone.url], alone.outputFile);
      for (const key of KEYS.slice(0, 10)) {
        expect(texts(await get(alone.url, key, '?minNumReads=1'))).toEqual([`value of ${key}`]);
      }
      expect((await get(alone.url, KEYS[0]!, '?minNumReads=2')).status).toBe(503);
    },
    TIMEOUT_MS,
  );

  it(
    'one with the data of another cluster is turned away, and both sides say so',
    async () => {
      const cluster = await prepare(stage, 3);
      for (const node of cluster.nodes) node.start();
      await cluster.waitReady();
      await put(cluster.urls[0]!, 'key', 'of the first');
      const [one, two, three] = cluster.nodes as [SeparateNode, SeparateNode, SeparateNode];
      await three.stop();
      // A cluster of its own, founded on the side.
      const foreign = `${three.dataDir}-foreign`;
      three.start({ dataDir: foreign, flags: ['--expect-nodes=1', `--seeds=${three.id}@127.0.0.1:1`] });
      await waitForReady([three.url], three.outputFile);
      await three.stop();
      three.start({ dataDir: foreign });
      await untilSays(one, 'warn', 'another cluster', three.id);
      await untilSays(three, 'warn', 'another cluster', one.id);
      await waitForReady([three.url], three.outputFile);
      expect((await shown(three))!.document.clusterId).not.toBe((await shown(one))!.document.clusterId);
      expect(texts(await get(two.url, 'key', '?minNumReads=2'))).toEqual(['of the first']);
      expect((await get(three.url, 'key', '?minNumReads=1')).status).toBe(404);
    },
    TIMEOUT_MS,
  );
});
