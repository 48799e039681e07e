import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { builtProgram, waitForLinks } from '../../scripts/support/nodes.js';
import { supervised, useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 180_000;

interface Ran {
  readonly code: number;
  readonly json: Record<string, unknown>;
}

async function rondo(...args: string[]): Promise<Ran> {
  const command = [join(builtProgram(), 'services/cli/main.js'), ...args, '--json'];
  const env = { ...process.env, RONDO_URL: '' };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { env, timeout: 90_000 }, (_error, stdout) =>
      resolve({ code: child.exitCode ?? -1, json: JSON.parse(stdout) as Ran['json'] }),
    );
  });
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

type Holders = readonly { readonly node: string; readonly status: string; readonly hash?: string }[];

describe('what people see and steer', () => {
  it(
    'a key is where it belongs, all nodes compare on demand, and a node that is lost is taken out',
    async () => {
      const cluster = supervised(stage, ['--nodes', '4', '--no-restart']);
      await cluster.ready;
      await waitForLinks(cluster.urls);
      const url = cluster.urls[0]!;
      expect((await rondo('put', 'greeting', 'hello', '--url', url)).code).toBe(0);
      expect(await rondo('repair', '--wait', '--url', url)).toMatchObject({
        ...{ code: 0, json: { success: true, comparisons: 12, left: [] } },
      });
      const before = await rondo('where', 'greeting', '--url', url);
      const primaries = before.json['primaries'] as Holders;
      expect(primaries).toHaveLength(3);
      expect(new Set(primaries.map(({ hash }) => hash)).size).toBe(1);

      const running = await rondo('remove', 'node4', '--accept-loss', '--yes', '--url', url);
      expect(running).toMatchObject({ code: 3, json: { error: { code: 'node_in_use' } } });
      cluster.kill('node4', 'SIGKILL');
      await eventually(async () => {
        const removed = await rondo('remove', 'node4', '--accept-loss', '--yes', '--url', url);
        return removed.code === 0;
      });
      const nodes = await rondo('nodes', '--url', url);
      expect(nodes).toMatchObject({ code: 0, json: { epoch: 2 } });
      expect(nodes.json['nodes']).toHaveLength(3);
      const after = await rondo('where', 'greeting', '--url', url);
      const left = (after.json['primaries'] as Holders).filter(({ status }) => status === 'found');
      expect(left.map(({ node }) => node)).not.toContain('node4');
      expect(left.length).toBeGreaterThanOrEqual(2);
      expect(await rondo('repair', '--wait', '--url', url)).toMatchObject({ code: 0 });
      expect((await rondo('get', 'greeting', '--url', url)).code).toBe(0);
    },
    TIMEOUT_MS,
  );
});
