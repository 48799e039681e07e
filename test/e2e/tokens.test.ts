import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { builtProgram } from '../../scripts/support/nodes.js';
import { supervised, useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string, args: readonly string[], token = ''): Promise<Ran> {
  const env = { ...process.env, RONDO_URL: '', RONDO_TOKEN: token };
  return new Promise((resolve) => {
    const command = [join(builtProgram(), script), ...args];
    const child = execFile(process.execPath, command, { env, timeout: 60_000 }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

const rondo = (args: readonly string[], token?: string): Promise<Ran> =>
  run('services/cli/main.js', args, token);

async function create(file: string, name: string, scope: string): Promise<string> {
  const made = await rondo(['token', 'create', '--name', name, '--scope', scope, '--file', file]);
  expect(made.code).toBe(0);
  return made.stdout.trim();
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('a cluster with client tokens', () => {
  it(
    'serves who shows one, within its scope; takes new ones and drops revoked ones while it runs',
    async () => {
      const file = join(stage.folder, 'tokens.json');
      const writer = await create(file, 'writer', 'write');
      const cluster = supervised(stage, ['--api-token-file', file]);
      await cluster.ready;
      const [url, other] = cluster.urls as [string, string];
      const all = ['get', 'k', '--min-num-reads', '3'];
      for (const each of cluster.urls) {
        await eventually(async () => (await rondo([...all, '--url', each], writer)).code === 1);
      }

      expect(await rondo(['put', 'k', 'v', '--url', url])).toMatchObject({ code: 2 });
      expect(await rondo(['get', 'k', '--url', url], writer)).toMatchObject({ code: 1 });
      expect(await rondo(['put', 'k', 'v', '--url', url], writer)).toMatchObject({ code: 0 });
      expect(await rondo(['status', '--url', url], writer)).toMatchObject({ code: 0 });

      const reader = await create(file, 'reader', 'read');
      await eventually(async () => (await rondo(['get', 'k', '--url', other], reader)).stdout === 'v');
      const refused = await rondo(['put', 'k', 'w', '--overwrite', '--url', url], reader);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('403') });
      const headers = { Authorization: `Bearer ${reader}` };
      const dump = await (await fetch(`${url}/internal/dump/all`, { headers })).text();
      expect(dump.trim().split('\n')).toHaveLength(3);
      expect(dump).not.toContain('error');

      const held = join(stage.folder, 'token');
      writeFileSync(held, writer);
      const load = [
        '--url',
        cluster.urls.join(','),
        '--log',
        join(stage.folder, 'run.log'),
        '--seconds',
        '1',
      ];
      const few = [
        '--clients',
        '8',
        '--keys',
        '20',
        '--acknowledged-min',
        '1',
        '--token-file',
        held,
        '--json',
      ];
      const judged = await run('scripts/workload/main.js', [...load, ...few]);
      const verdict = JSON.parse(judged.stdout) as { acknowledged: number; lost: unknown[] };
      expect(verdict).toMatchObject({ lost: [], unreadable: [] });
      expect(verdict.acknowledged).toBeGreaterThan(0);

      expect(await rondo(['token', 'revoke', '--name', 'reader', '--file', file])).toMatchObject({ code: 0 });
      await eventually(async () => (await rondo(['get', 'k', '--url', url], reader)).code === 2);
      expect(await rondo(['get', 'k', '--url', url], writer)).toMatchObject({ code: 0 });
      expect(await cluster.stop()).toMatchObject({ code: 0 });
      for (const node of ['node1', 'node2', 'node3']) {
        const log = readFileSync(join(cluster.dataDir, node, 'node.log'), 'utf8');
        for (const token of [writer, reader]) expect(log).not.toContain(token);
      }
    },
    TIMEOUT_MS,
  );

  it('a token file that is not there is an error that says how to make one', async () => {
    const file = join(stage.folder, 'none.json');
    const cluster = supervised(stage, ['--api-token-file', file, '--nodes', '1', '--no-restart']);
    await expect(cluster.ready).rejects.toThrow(/rondo token create/);
  });

  it('listens on loopback only without one, and says so', async () => {
    const refused = await run('services/node/main.js', [
      '--http-host',
      '192.0.2.1',
      '--data-dir',
      stage.folder,
    ]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--api-token-file') });
    const cluster = supervised(stage, ['--nodes', '1']);
    await cluster.ready;
    const log = readFileSync(join(cluster.dataDir, 'node1', 'node.log'), 'utf8');
    expect(log).toContain('no client tokens: listening on loopback only');
  });
});
