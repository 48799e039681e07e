import { describe, expect, it } from '@jest/globals';
import { waitForLinks } from '../../scripts/support/nodes.js';
import type { SeparateCluster } from '../../scripts/support/separate.js';
import { get, put, texts } from './support/client.js';
import { separateWithProxies, useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 60_000;
const KEY = 'contested';
const ALL = '?minNumReads=3';

function forEachLink(
  cluster: SeparateCluster,
  act: (link: ReturnType<SeparateCluster['link']>) => void,
): void {
  for (let from = 0; from < 3; from++) {
    for (let to = 0; to < 3; to++) if (from !== to) act(cluster.link(from, to));
  }
}

describe.each(['reset', 'silent'] as const)('nodes whose links are cut (%s)', (how) => {
  it(
    'two writes from one version become siblings under one version, and a write with it leaves one value',
    async () => {
      const cluster = await separateWithProxies(stage);
      await waitForLinks(cluster.urls);
      const [one, two] = cluster.urls as [string, string, string];
      expect((await put(one, KEY, 'base', { minNumWrites: 3 })).status).toBe(200);
      const { version } = (await get(two, KEY)).body.value!;

      forEachLink(cluster, (link) => link.cut(how));
      for (const [url, value] of [
        [one, 'left'],
        [two, 'right'],
      ] as const) {
        const reply = await put(url, KEY, value, { fromVersion: version, minNumWrites: 1 });
        expect(reply).toMatchObject({ status: 200, body: { success: true } });
      }
      expect(texts(await get(one, KEY, '?minNumReads=1'))).toEqual(['left']);
      expect(texts(await get(two, KEY, '?minNumReads=1'))).toEqual(['right']);
      expect(await get(one, KEY, ALL)).toMatchObject({
        status: 503,
        body: { error: { code: 'quorum_not_met', got: 1, wanted: 3 } },
      });

      forEachLink(cluster, (link) => link.heal());
      await waitForLinks(cluster.urls);
      const versions = new Set<string>();
      for (const url of cluster.urls) {
        const reply = await get(url, KEY, ALL);
        expect(texts(reply)).toEqual(['left', 'right']);
        versions.add(reply.body.value!.version);
      }
      expect(versions.size).toBe(1);

      const [merged] = [...versions];
      const resolved = await put(cluster.urls[2]!, KEY, 'both', { fromVersion: merged!, minNumWrites: 3 });
      expect(resolved).toMatchObject({ status: 200, body: { success: true } });
      for (const url of cluster.urls) {
        for (const query of ['?minNumReads=1', ALL])
          expect(texts(await get(url, KEY, query))).toEqual(['both']);
      }
    },
    TIMEOUT_MS,
  );
});

describe('a node that only hears', () => {
  it(
    'a write through a node whose outgoing links are cut fails by its deadline, and nothing is lost by it',
    async () => {
      const cluster = await separateWithProxies(stage);
      await waitForLinks(cluster.urls);
      const [one, two, three] = cluster.urls as [string, string, string];
      expect((await put(one, KEY, 'base', { minNumWrites: 3 })).status).toBe(200);
      const { version } = (await get(one, KEY)).body.value!;

      cluster.link(0, 1).cut('silent');
      cluster.link(0, 2).cut('silent');
      const missed = await put(one, KEY, 'unheard', { fromVersion: version });
      expect(missed).toMatchObject({ status: 503, body: { success: false, error: { outcome: 'unknown' } } });
      const other = await put(two, KEY, 'heard', { fromVersion: version });
      expect(other).toMatchObject({ status: 200, body: { success: true } });

      cluster.link(0, 1).heal();
      cluster.link(0, 2).heal();
      await waitForLinks(cluster.urls);
      for (const url of [one, two, three]) expect(texts(await get(url, KEY, ALL))).toContain('heard');
    },
    TIMEOUT_MS,
  );
});
