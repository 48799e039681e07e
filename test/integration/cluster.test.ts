import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { whyNotListed } from '../../scripts/chaos/services/catalogue.js';
import { consulHttp } from '../../scripts/services/consulHttp.js';
import { urlsOf } from '../../scripts/services/local.js';
import { readState } from '../../scripts/services/state.js';
import {
  builtProgram,
  httpPort,
  busPort,
  urlOf,
  waitForLinks,
  waitForReady,
} from '../../scripts/support/nodes.js';
import { pageAt } from '../../scripts/support/page.js';
import { reservePorts } from '../../scripts/support/ports.js';
import { identityOf, isAlive, startProcess, waitUntil } from '../../scripts/support/processes.js';
import { callRondo } from '../../scripts/support/rondo.js';
import type { SupervisorLine } from '../../scripts/support/supervised.js';
import { get, put, remove, texts } from '../e2e/support/client.js';
import { useStage } from '../e2e/support/stage.js';
import { describeWithServices } from './support/required.js';

const stage = useStage();
const START_TIMEOUT_MS = 60_000;

interface Running {
  readonly endpoint: string;
  readonly urls: readonly string[];
  readonly events: readonly SupervisorLine[];
  interrupt(): Promise<number | null>;
}

/** `npm run cluster`, ready, on ports and in a folder of the stage's own. */
async function startCluster(): Promise<Running> {
  const { folder, ports, cleanup } = stage;
  const more = await reservePorts();
  cleanup.defer('release the ports of the services', () => more.release());
  const endpointPort = more.first + 14;
  const events: SupervisorLine[] = [];
  const outputFile = join(folder, 'output.log');
  const cluster = startProcess({
    outputFile,
    args: [
      join(builtProgram(), 'scripts/cluster/main.js'),
      '--json',
      ...['--services-folder', folder, '--services-ports', String(more.first)],
      ...['--endpoint', String(endpointPort), '--data', join(folder, 'data')],
      ...['--port', String(httpPort(ports, 0)), '--bus-port', String(busPort(ports, 0))],
    ],
    onLine: (line) => events.push(JSON.parse(line) as SupervisorLine),
  });
  const interrupt = async (): Promise<number | null> => {
    cluster.kill('SIGINT');
    return (await cluster.exited).code;
  };
  cleanup.defer('end the cluster', async () => {
    await interrupt();
  });
  const isOver = (): boolean => !cluster.isRunning() || events.some(({ event }) => event === 'ready');
  await waitUntil('the cluster is ready', isOver, START_TIMEOUT_MS);
  const endpoint = `http://127.0.0.1:${String(endpointPort)}`;
  await waitForReady([endpoint], outputFile);
  const urls = [0, 1, 2].map((index) => urlOf(ports, index));
  await waitForLinks(urls);
  return { endpoint, urls, events, interrupt };
}

/** Proof A, the write through `one` and everything else through `other`. */
async function proofA(one: string, other: string, key: string): Promise<void> {
  expect(await get(other, key)).toMatchObject({ status: 404, body: { value: { version: '', values: [] } } });
  expect(await put(one, key, 'first', { fromVersion: '' })).toMatchObject({ status: 200 });
  const first = await get(other, key);
  expect(texts(first)).toEqual(['first']);
  const { version } = first.body.value!;
  expect(await put(other, key, 'ignorant', { fromVersion: '' })).toMatchObject({
    status: 409,
    body: { error: { code: 'stale_version', outcome: 'none' } },
  });
  expect(await put(other, key, 'second', { fromVersion: version })).toMatchObject({ status: 200 });
  const second = await get(one, key);
  expect(texts(second)).toEqual(['second']);
  expect(await remove(other, key, second.body.value!.version)).toMatchObject({ status: 200 });
  expect(await get(one, key)).toMatchObject({ status: 404, body: { value: { values: [] } } });
  expect(await put(one, key, 'back', { fromVersion: '' })).toMatchObject({ status: 200 });
  expect(texts(await get(other, key))).toEqual(['back']);
}

describeWithServices('npm run cluster', ['rabbitmq', 'consul', 'haproxy'], () => {
  it('serves proof A at the endpoint and each node, agrees with Consul, and an interrupt ends all of it', async () => {
    const cluster = await startCluster();
    const { endpoint, urls, events } = cluster;
    for (const url of [endpoint, ...urls]) {
      await proofA(url, endpoint, `through ${url}`);
      const { text } = await pageAt(`${url}/check_connectivity`, 5000);
      expect(JSON.parse(text)).toEqual({ node1: 'reachable', node2: 'reachable', node3: 'reachable' });
    }

    const consul = consulHttp({ url: urlsOf(stage.folder, 'consul')[0]! });
    // Consul looks once a second: a node that serves may not have been looked at yet.
    const isListed = async (): Promise<boolean> => (await whyNotListed(consul, urls)).length === 0;
    await waitUntil('all nodes are listed and pass their checks', isListed, 30_000);
    const { json } = await callRondo(['ring', '--url', endpoint], {
      cleanup: stage.cleanup,
      timeoutMs: 20_000,
    });
    expect(whyOtherRing(json, await catalogueOf(consul))).toEqual([]);

    const services = readState(stage.folder).flatMap(({ processes }) => processes);
    expect(services.map(({ name }) => name).sort()).toEqual(['consul', 'epmd', 'haproxy', 'rabbitmq']);
    const nodes = events.flatMap(({ event, pid }) => (event === 'node' && pid ? [pid] : []));
    expect(nodes.filter(isAlive)).toHaveLength(3);

    expect(await cluster.interrupt()).toBe(0);
    expect(services.filter(({ pid, identity }) => identityOf(pid) === identity)).toEqual([]);
    expect(nodes.filter(isAlive)).toEqual([]);
    expect(readState(stage.folder)).toEqual([]);
  }, 120_000);
});

/** By node, how many partitions it owns, as its registration has it. */
async function catalogueOf(consul: ReturnType<typeof consulHttp>): Promise<ReadonlyMap<string, number>> {
  const entries = JSON.parse(await consul.call('GET', '/v1/health/service/rondo')) as readonly {
    readonly Service: { readonly ID: string; readonly Meta: Readonly<Record<string, string>> };
  }[];
  const bits = (digits: string): number => BigInt(`0x${digits}`).toString(2).replaceAll('0', '').length;
  return new Map(entries.map(({ Service: { ID, Meta } }) => [ID, bits(Meta['tokens0'] ?? '0')]));
}

function whyOtherRing(
  ring: Readonly<Record<string, unknown>>,
  owned: ReadonlyMap<string, number>,
): readonly string[] {
  const nodes = ring['nodes'] as readonly { readonly node: string; readonly tokens: number }[];
  expect(nodes).toHaveLength(owned.size);
  return nodes.filter(({ node, tokens }) => owned.get(node) !== tokens).map(({ node }) => node);
}
