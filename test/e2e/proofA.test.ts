import { describe, expect, it } from '@jest/globals';
import { waitForLinks } from '../../scripts/support/nodes.js';
import type { SupervisedCluster } from '../../scripts/support/supervised.js';
import { get, put, remove, texts } from './support/client.js';
import { supervised, useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 60_000;

/**
 * These proofs are about versions and durability: a coordinator that no write has reached yet may keep a stale write as a
 * sibling, so they begin when all nodes hear each other. supervisor.test.ts asks when that has to be.
 */
async function untilUp(cluster: SupervisedCluster): Promise<void> {
  await cluster.ready;
  await waitForLinks(cluster.urls);
}

/** Writes `count` keys through all nodes in turn, and asserts that each write is acknowledged. */
async function writeMany(cluster: SupervisedCluster, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const reply = await put(cluster.urls[index % 3]!, `many ${index}`, `value ${index}`);
    expect(reply).toMatchObject({ status: 200, body: { success: true } });
  }
}

async function expectMany(cluster: SupervisedCluster, count: number): Promise<void> {
  for (const url of cluster.urls) {
    for (let index = 0; index < count; index++) {
      expect(texts(await get(url, `many ${index}`))).toEqual([`value ${index}`]);
    }
  }
}

describe('three nodes as npm start runs them', () => {
  it(
    'proof A: write, read elsewhere, refuse the ignorant write, accept the knowing one, delete, write again',
    async () => {
      const cluster = supervised(stage);
      await untilUp(cluster);
      const [one, two, three] = cluster.urls as [string, string, string];
      const key = 'proof a';

      const unknown = await get(three, key);
      expect(unknown).toMatchObject({ status: 404, body: { value: { version: '', values: [] } } });

      expect(await put(one, key, 'first', { fromVersion: '' })).toMatchObject({
        status: 200,
        body: { success: true },
      });
      const first = await get(two, key);
      expect(first.status).toBe(200);
      expect(texts(first)).toEqual(['first']);
      const v1 = first.body.value!.version;
      expect(v1).not.toBe('');

      const stale = await put(three, key, 'ignorant', { fromVersion: '' });
      expect(stale).toMatchObject({
        status: 409,
        body: { success: false, error: { code: 'stale_version', outcome: 'none' } },
      });
      expect((await get(one, key)).body).toEqual(first.body);

      expect(await put(two, key, 'second', { fromVersion: v1 })).toMatchObject({ status: 200 });
      const second = await get(three, key);
      expect(texts(second)).toEqual(['second']);
      const v2 = second.body.value!.version;
      expect(v2).not.toBe(v1);
      expect((await put(one, key, 'late', { fromVersion: v1 })).status).toBe(409);

      expect(await remove(three, key, v2)).toMatchObject({ status: 200, body: { success: true } });
      const deleted = await get(one, key);
      expect(deleted).toMatchObject({ status: 404, body: { value: { values: [] } } });
      expect(deleted.body.value!.version).not.toBe('');

      expect(await put(two, key, 'back', { fromVersion: '' })).toMatchObject({ status: 200 });
      for (const url of cluster.urls) expect(texts(await get(url, key))).toEqual(['back']);
    },
    TIMEOUT_MS,
  );

  it(
    'after an orderly stop everything is still there, and so are versions',
    async () => {
      const before = supervised(stage);
      await untilUp(before);
      await writeMany(before, 50);
      const read = await get(before.urls[0]!, 'many 0');
      expect(await before.stop()).toEqual({ code: 0, signal: null });

      const after = supervised(stage);
      await untilUp(after);
      await expectMany(after, 50);
      const version = read.body.value!.version;
      expect((await put(after.urls[1]!, 'many 0', 'newer', { fromVersion: version })).status).toBe(200);
      expect((await put(after.urls[2]!, 'many 0', 'stale', { fromVersion: version })).status).toBe(409);
    },
    TIMEOUT_MS,
  );

  it(
    'after SIGKILL of every process every acknowledged write is still there',
    async () => {
      const before = supervised(stage);
      await untilUp(before);
      await writeMany(before, 50);
      await before.killAll();

      const after = supervised(stage);
      await untilUp(after);
      await expectMany(after, 50);
    },
    TIMEOUT_MS,
  );
});
