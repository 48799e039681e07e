import { expect, it } from '@jest/globals';
import { waitUntil } from '../../scripts/support/processes.js';
import { get, put, texts } from '../e2e/support/client.js';
import { supervised, useStage } from '../e2e/support/stage.js';
import { useBroker } from './support/broker.js';
import { describeWithServices } from './support/required.js';

const stage = useStage();
const BACK_TIMEOUT_MS = 30_000;

describeWithServices('three nodes over a broker', ['rabbitmq'], () => {
  const shared = useBroker();

  it('answers 503 at once while the broker is away, and goes on without a restart when it is back (I15)', async () => {
    const cluster = supervised(stage, ['--bus', 'amqp', '--broker-urls', shared.urlAt()]);
    await cluster.ready;
    const [one, two, three] = cluster.urls as [string, string, string];
    const pids = ['node1', 'node2', 'node3'].map((node) => cluster.pidOf(node));
    expect(await put(one, 'key', 'before')).toMatchObject({ status: 200 });
    expect(texts(await get(three, 'key'))).toEqual(['before']);

    shared.broker.kill('SIGKILL');
    await waitUntil('reads fail', async () => (await get(two, 'key')).status === 503, BACK_TIMEOUT_MS);
    for (const url of cluster.urls) {
      const response = await fetch(`${url}/storage/a2V5`);
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await put(url, `away ${url}`, 'value')).toMatchObject({ status: 503 });
      expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^rondo_broker_connected\{.*\} 0$/m);
    }

    await shared.restart();
    await waitUntil('reads succeed', async () => (await get(two, 'key')).status === 200, BACK_TIMEOUT_MS);
    await waitUntil(
      'writes succeed',
      async () => (await put(two, 'key 2', 'after')).status === 200,
      BACK_TIMEOUT_MS,
    );
    expect(texts(await get(one, 'key 2'))).toEqual(['after']);
    expect(['node1', 'node2', 'node3'].map((node) => cluster.pidOf(node))).toEqual(pids);
    expect(JSON.stringify(cluster.events())).not.toContain(new URL(shared.urlAt()).password);
  }, 120_000);
});
