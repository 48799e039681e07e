import { cpSync, readFileSync, rmSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { httpPort, waitForLinks, waitForReady } from '../../scripts/support/nodes.js';
import { pageAt } from '../../scripts/support/page.js';
import { waitUntil } from '../../scripts/support/processes.js';
import { callRondo, type RondoCall } from '../../scripts/support/rondo.js';
import { prepareSeparate, type SeparateNode } from '../../scripts/support/separate.js';
import { get, put, texts } from './support/client.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;
const WAIT_MS = 30_000;
const KEYS = Array.from({ length: 40 }, (_, i) => `key ${i}`);

const rondo = (...args: string[]): Promise<RondoCall> =>
  callRondo(args, { cleanup: stage.cleanup, timeoutMs: 60_000 });

const recover = ({ dataDir }: SeparateNode, ...args: string[]): Promise<RondoCall> =>
  rondo('recover', '--data-dir', dataDir, '--lost', 'node3,node4,node5', ...args);

interface Document {
  readonly epoch: number;
  readonly clusterId: string;
  readonly nodes: readonly { readonly id: string }[];
  readonly placement: readonly { readonly now: readonly number[] }[];
}

async function documentAt({ url }: SeparateNode): Promise<Document> {
  return (JSON.parse((await pageAt(`${url}/cluster`, 5000)).text) as { document: Document }).document;
}

interface Held {
  readonly node: string;
  readonly status: string;
  readonly hash?: string;
}

/** What each primary holds of the key. */
async function primariesOf({ url }: SeparateNode, key: string): Promise<readonly Held[]> {
  const { text } = await pageAt(`${url}/internal/where/${Buffer.from(key).toString('base64url')}`, 10_000);
  return (JSON.parse(text) as { primaries: readonly Held[] }).primaries;
}

describe('a majority lost for good, by processes', () => {
  it(
    'two of five go on as a new cluster with what they hold; one of the lost that comes back is turned away',
    async () => {
      const { folder, ports, cleanup } = stage;
      const cluster = await prepareSeparate({ folder, ports, cleanup, nodes: 5 });
      for (const node of cluster.nodes) node.start();
      await cluster.waitReady();
      for (const [i, key] of KEYS.entries()) {
        expect((await put(cluster.urls[i % 5]!, key, `value of ${key}`, { minNumWrites: 3 })).status).toBe(
          200,
        );
      }
      const [one, two, ...lost] = cluster.nodes as [SeparateNode, SeparateNode, ...SeparateNode[]];
      const kept: string[] = [];
      for (const key of KEYS) {
        const holders = (await primariesOf(one, key)).map(({ node }) => node);
        if (holders.includes(one.id) || holders.includes(two.id)) kept.push(key);
      }
      expect(kept.length).toBeGreaterThan(20);

      for (const node of lost) {
        node.process().kill('SIGKILL');
        await node.process().exited;
      }
      const copy = `${lost[0]!.dataDir}-copy`;
      cpSync(lost[0]!.dataDir, copy, { recursive: true });
      for (const { dataDir } of lost) rmSync(dataDir, { recursive: true });
      expect(await recover(one, '--accept-loss', '--yes')).toMatchObject({
        ...{ code: 3, json: { error: { code: 'node_in_use' } } },
      });
      for (const node of [one, two]) expect((await node.stop()).code).toBe(0);
      expect(await recover(one)).toMatchObject({ code: 2, json: { error: { code: 'loss_not_accepted' } } });
      const done = [
        await recover(one, '--accept-loss', '--yes'),
        await recover(two, '--accept-loss', '--yes'),
      ];
      expect(done).toMatchObject([{ code: 0 }, { code: 0, json: { epoch: 1001 } }]);
      expect(done[1]!.json['clusterId']).toBe(done[0]!.json['clusterId']);

      const urls = [one.url, two.url];
      for (const node of [one, two]) node.start({ founding: false });
      await waitForReady(urls, one.outputFile);
      await waitForLinks(urls);
      for (const url of urls) {
        for (const key of kept)
          expect(texts(await get(url, key, '?quorum=strict'))).toEqual([`value of ${key}`]);
        // Also where all replicas are lost.
        for (const key of KEYS.filter((lostKey) => !kept.includes(lostKey))) {
          expect((await get(url, key, '?quorum=strict')).status).toBe(404);
        }
      }
      for (const [i, key] of KEYS.entries()) {
        const { body } = await get(urls[i % 2]!, key);
        const fromVersion = body.value?.version;
        const written = await put(
          urls[i % 2]!,
          key,
          `new ${key}`,
          fromVersion === undefined ? {} : { fromVersion },
        );
        expect(written.status).toBe(200);
      }
      expect((await rondo('repair', '--wait', '--url', one.url)).code).toBe(0);
      for (const url of urls) {
        for (const key of KEYS) expect(texts(await get(url, key))).toEqual([`new ${key}`]);
      }
      const document = await documentAt(one);
      expect(document).toEqual(await documentAt(two));
      for (const key of KEYS) {
        const held = await primariesOf(two, key);
        expect(new Set(held.map(({ status, hash }) => `${status} ${String(hash)}`)).size).toBe(1);
        expect(held[0]).toMatchObject({ status: 'found' });
      }

      const back = lost[0]!;
      back.start({ dataDir: copy });
      const says = (node: SeparateNode, id: string) =>
        readFileSync(node.outputFile, 'utf8')
          .split('\n')
          .some((line) => line.includes('another cluster') && line.includes(id));
      await waitUntil('it is turned away', () => says(one, back.id) && says(back, one.id), WAIT_MS);
      expect((await documentAt(one)).nodes.map(({ id }) => id)).toEqual([one.id, two.id]);
      expect(texts(await get(one.url, KEYS[0]!))).toEqual([`new ${KEYS[0]!}`]);
      await back.stop();

      // Another address, which a lost node had, is a change of the document, for which both have to vote in the new cluster.
      await two.stop();
      two.start({ founding: false, flags: [`--http-port=${String(httpPort(ports, 2))}`] });
      const isChanged = async () => (await documentAt(one)).epoch === 1002;
      await waitUntil('both have voted', isChanged, WAIT_MS);
      // One that decided the founding of the old cluster does not fall back on that.
      await one.stop();
      rmSync(`${one.dataDir}/cluster.json`);
      one.start();
      await waitForReady([one.url], one.outputFile);
      expect(await documentAt(one)).toMatchObject({ epoch: 1002, clusterId: done[0]!.json['clusterId'] });
    },
    TIMEOUT_MS,
  );
});
