import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { httpPort, waitForLinks } from '../../scripts/support/nodes.js';
import { isAlive, tailOf, waitUntil } from '../../scripts/support/processes.js';
import type { SupervisedCluster } from '../../scripts/support/supervised.js';
import { get, put } from './support/client.js';
import { supervised, useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 60_000;
const NODES = ['node1', 'node2', 'node3'];

/** Waits for the end of a start that cannot work, and gives what it said. */
async function refusal(cluster: SupervisedCluster): Promise<string> {
  const exit = await cluster.supervisor.exited;
  expect(exit.signal).toBeNull();
  expect(exit.code).not.toBe(0);
  const said = tailOf(cluster.outputFile);
  expect(said.split('\n')).toHaveLength(1);
  expect(cluster.events().filter((event) => event.event === 'ready')).toEqual([]);
  return said;
}

function pidsOf(cluster: SupervisedCluster): number[] {
  return NODES.map((node) => cluster.pidOf(node)!);
}

async function untilGone(pids: readonly number[]): Promise<void> {
  await waitUntil('all nodes have ended', () => !pids.some((pid) => isAlive(pid)), 20_000);
}

describe('starts that cannot work say so in one line', () => {
  it.each(['HTTP', 'bus'])(
    'a %s port that is taken',
    async (kind) => {
      const port = httpPort(stage.ports, kind === 'HTTP' ? 1 : 6);
      const taker = createServer();
      await new Promise<void>((resolve) => taker.listen(port, '127.0.0.1', resolve));
      stage.cleanup.defer('free the port', () => new Promise((resolve) => taker.close(() => resolve())));
      expect(await refusal(supervised(stage))).toMatch(new RegExp(`^error: .*${port}.*in use`));
    },
    TIMEOUT_MS,
  );

  it(
    'a data folder that cannot be written',
    async () => {
      writeFileSync(join(stage.folder, 'data'), 'a file in the place of the folder');
      expect(await refusal(supervised(stage))).toContain(join(stage.folder, 'data'));
    },
    TIMEOUT_MS,
  );

  it(
    'another number of nodes than the data was made with',
    async () => {
      const first = supervised(stage);
      await first.ready;
      expect((await first.stop()).code).toBe(0);
      const said = await refusal(supervised(stage, ['--nodes', '4']));
      expect(said).toContain('was made with 3 nodes, not 4');
    },
    TIMEOUT_MS,
  );
});

describe('a supervisor that says ready', () => {
  it(
    'means it: at once every node reads and writes with all three',
    async () => {
      for (let start = 0; start < 4; start++) {
        const cluster = supervised(stage);
        await cluster.ready;
        const replies = await Promise.all(
          cluster.urls.flatMap((url, index) => [
            get(url, `read ${start}`, '?minNumReads=3'),
            put(url, `written ${start} ${index}`, 'value', { minNumWrites: 3 }),
          ]),
        );
        expect(replies.map((reply) => reply.status)).toEqual([404, 200, 404, 200, 404, 200]);
        expect((await cluster.stop()).code).toBe(0);
      }
    },
    TIMEOUT_MS,
  );
});

describe('nodes that die', () => {
  it(
    'a killed node is started again under a new pid, and the cluster serves meanwhile',
    async () => {
      const cluster = supervised(stage);
      await cluster.ready;
      await waitForLinks(cluster.urls);
      const before = cluster.pidOf('node2')!;
      cluster.kill('node2', 'SIGKILL');
      expect((await put(cluster.urls[0]!, 'key', 'value')).status).toBe(200);
      await waitUntil('node2 is back', () => ![undefined, before].includes(cluster.pidOf('node2')), 20_000);
      await waitForLinks(cluster.urls);
      const told = cluster.events().filter((event) => event.node === 'node2');
      expect(told.map((event) => event.event)).toEqual(['node', 'exited', 'node']);
      expect((await put(cluster.urls[1]!, 'other', 'value', { minNumWrites: 3 })).status).toBe(200);
    },
    TIMEOUT_MS,
  );

  it(
    'with --no-restart a killed node stays down and the others go on',
    async () => {
      const cluster = supervised(stage, ['--no-restart']);
      await cluster.ready;
      await waitForLinks(cluster.urls);
      cluster.kill('node3', 'SIGKILL');
      await waitUntil('its end is told', () => cluster.pidOf('node3') === undefined, 10_000);
      const told = cluster.events().find((event) => event.event === 'exited');
      expect(told).not.toHaveProperty('restartInMs');
      expect((await put(cluster.urls[0]!, 'key', 'value')).status).toBe(200);
      await expect(fetch(`${cluster.urls[2]!}/ping`)).rejects.toThrow();
    },
    TIMEOUT_MS,
  );
});

describe('the end of a supervisor is the end of its nodes', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s stops all of them in order',
    async (signal) => {
      const cluster = supervised(stage);
      await cluster.ready;
      const pids = pidsOf(cluster);
      cluster.supervisor.kill(signal);
      expect(await cluster.supervisor.exited).toEqual({ code: 0, signal: null });
      expect(pids.filter((pid) => isAlive(pid))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'SIGTERM while the nodes are still starting leaves nothing behind',
    async () => {
      const cluster = supervised(stage);
      await waitUntil('the first node is up', () => cluster.events().length > 0, 20_000);
      cluster.supervisor.kill('SIGTERM');
      expect((await cluster.supervisor.exited).signal).toBeNull();
      await untilGone(cluster.events().flatMap((event) => event.pid ?? []));
    },
    TIMEOUT_MS,
  );

  it(
    'a supervisor that is killed takes its nodes with it',
    async () => {
      const cluster = supervised(stage);
      await cluster.ready;
      const pids = pidsOf(cluster);
      cluster.supervisor.kill('SIGKILL');
      await cluster.supervisor.exited;
      await untilGone(pids);
    },
    TIMEOUT_MS,
  );
});
