import { createHash, randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { builtProgram, waitForLinks } from '../../scripts/support/nodes.js';
import { supervised, useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;
const FILES = 40;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly json: Record<string, unknown>;
}

async function rondo(...args: string[]): Promise<Ran> {
  const command = [join(builtProgram(), 'services/cli/main.js'), ...args];
  const env = { ...process.env, RONDO_URL: '' };
  const { code, stdout } = await new Promise<Pick<Ran, 'code' | 'stdout'>>((resolve) => {
    const child = execFile(process.execPath, command, { env, timeout: 60_000 }, (_error, stdout) =>
      resolve({ code: child.exitCode ?? -1, stdout }),
    );
  });
  return { code, stdout, json: args.includes('--json') ? (JSON.parse(stdout) as Ran['json']) : {} };
}

/** A folder with what is known to break careless copying; gives its files with their hashes. */
function makeTree(root: string): Record<string, string> {
  const at = (...parts: string[]): string => join(root, ...parts);
  mkdirSync(at('sub', 'deep er'), { recursive: true });
  writeFileSync(at('empty'), '');
  writeFileSync(at('binary'), Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256)));
  writeFileSync(at('five megabytes'), randomBytes(5 * 1024 * 1024));
  writeFileSync(at('exactly one chunk'), randomBytes(256 * 1024));
  for (const name of [
    '-dash',
    'quote "\'',
    'percent %2F',
    'äöü ☃',
    'line\nbreak',
    '.hidden',
    'sub/deep er/# ?&=',
  ]) {
    writeFileSync(at(name), `the file ${name}`);
  }
  for (let index = 0; index < FILES; index++)
    writeFileSync(at('sub', `file ${index}`), randomBytes(index * 37));
  symlinkSync('binary', at('symlink'));
  symlinkSync('/nowhere', at('sub', 'dangling'));
  return hashes(root);
}

function hashes(root: string): Record<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Object.fromEntries(
    entries.map((file) => [
      file.slice(root.length + 1),
      createHash('sha256').update(readFileSync(file)).digest('hex'),
    ]),
  );
}

describe('rondo and a folder of files', () => {
  it(
    'what is imported through one node is verified through the others, also after a restart, and exported alike',
    async () => {
      const tree = join(stage.folder, 'tree');
      const files = makeTree(tree);
      const count = Object.keys(files).length;
      const before = supervised(stage);
      await before.ready;
      await waitForLinks(before.urls);
      const [one, two, three] = before.urls as [string, string, string];

      const imported = await rondo('import', tree, '--url', one, '--json');
      expect(imported).toMatchObject({
        code: 0,
        json: { success: true, files: count, written: count, failed: 0, skippedSymlinks: 2, problems: [] },
      });
      const again = await rondo('import', tree, '--url', two, '--json');
      expect(again.json).toMatchObject({ success: true, written: 0, replaced: 0, alreadyThere: count });
      for (const url of [two, three]) {
        const verified = await rondo('verify', tree, '--url', url, '--min-num-reads', '2', '--json');
        expect(verified).toMatchObject({
          code: 0,
          json: { success: true, files: count, missing: 0, different: 0 },
        });
      }

      expect((await before.stop()).code).toBe(0);
      const after = supervised(stage);
      await after.ready;
      await waitForLinks(after.urls);
      const verified = await rondo('verify', tree, '--url', three, '--min-num-reads', '3', '--json');
      expect(verified).toMatchObject({ code: 0, json: { success: true, files: count } });
      const copy = join(stage.folder, 'copy');
      const exported = await rondo('export', copy, '--url', two, '--json');
      expect(exported).toMatchObject({ code: 0, json: { success: true, written: count } });
      expect(hashes(copy)).toEqual(files);
    },
    TIMEOUT_MS,
  );

  it(
    'verify finds a changed byte, a missing and an extra file, and exits with 1',
    async () => {
      const tree = join(stage.folder, 'tree');
      mkdirSync(tree);
      for (const name of ['kept', 'changed', 'removed']) writeFileSync(join(tree, name), name);
      const cluster = supervised(stage);
      await cluster.ready;
      await waitForLinks(cluster.urls);
      const url = cluster.urls[0]!;
      expect((await rondo('import', tree, '--url', url)).code).toBe(0);
      appendFileSync(join(tree, 'changed'), '!');
      rmSync(join(tree, 'removed'));
      writeFileSync(join(tree, 'new'), 'new');
      const verified = await rondo('verify', tree, '--url', url, '--json');
      expect(verified).toMatchObject({
        code: 1,
        json: { success: false, different: 1, missing: 1, extra: 1 },
      });
    },
    TIMEOUT_MS,
  );
});

describe('rondo and a cluster', () => {
  it(
    'status and ring tell of three ready nodes that share the ring evenly; with a node down status says so',
    async () => {
      const cluster = supervised(stage, ['--no-restart']);
      await cluster.ready;
      await waitForLinks(cluster.urls);
      const url = cluster.urls[0]!;
      const status = await rondo('status', '--url', url, '--json');
      expect(status).toMatchObject({ code: 0, json: { success: true } });
      expect(status.json['nodes']).toHaveLength(3);
      const ring = await rondo('ring', '--url', url, '--json');
      const tokens = (ring.json['nodes'] as { tokens: number }[]).map((node) => node.tokens).sort();
      expect(tokens).toEqual([85, 85, 86]);
      for (const command of ['status', 'ring']) {
        const drawn = await rondo(command, '--url', url);
        for (const node of ['node1', 'node2', 'node3']) expect(drawn.stdout).toContain(node);
      }

      cluster.kill('node3', 'SIGKILL');
      const degraded = await rondo('status', '--url', url, '--json');
      expect(degraded.code).not.toBe(0);
      expect(degraded.json['nodes']).toHaveLength(3);
    },
    TIMEOUT_MS,
  );

  it(
    'a cluster that is not there is one clear line and exit code 4',
    async () => {
      const url = `http://127.0.0.1:${stage.ports.first}`;
      expect(await rondo('status', '--url', url, '--json')).toMatchObject({
        code: 4,
        json: { success: false },
      });
    },
    TIMEOUT_MS,
  );
});
