import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { isToken, newToken } from '../../../services/node/tokens/token.js';
import { inTempFolder, jsonOf, rondo } from './support/run.js';

const create = (file: string, name: string, ...more: string[]) =>
  rondo(['token', 'create', '--name', name, '--scope', 'write', '--file', file, ...more]);

describe('rondo token', () => {
  it('create prints the token alone, once; list and the file do not have it', async () => {
    await inTempFolder(async (folder) => {
      const file = join(folder, 'tokens.json');
      const created = await create(file, 'shop');
      expect(created.exit).toBe(0);
      const token = created.out.trimEnd();
      expect(isToken(token)).toBe(true);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const listed = await rondo(['token', 'list', '--file', file]);
      expect(listed.out).toMatch(/^1 token\n[^]*shop +write/);
      for (const text of [created.err, listed.out, readFileSync(file, 'utf8')])
        expect(text).not.toContain(token);
    });
  });

  it('revoke takes it out; with --json each says what it did', async () => {
    await inTempFolder(async (folder) => {
      const file = join(folder, 'tokens.json');
      const created = jsonOf(await create(file, 'shop', '--json'));
      expect(created).toEqual({ success: true, name: 'shop', scope: 'write', token: expect.any(String) });
      const list = async (): Promise<unknown> =>
        jsonOf(await rondo(['token', 'list', '--file', file, '--json']))['tokens'];
      expect(await list()).toMatchObject([{ name: 'shop', scope: 'write' }]);
      const revoked = await rondo(['token', 'revoke', '--name', 'shop', '--file', file, '--json']);
      expect(jsonOf(revoked)).toEqual({ success: true, name: 'shop' });
      expect(await list()).toEqual([]);
    });
  });

  it('a name that is taken exits 3, one that is not there 1, a file that is none 2', async () => {
    await inTempFolder(async (folder) => {
      const file = join(folder, 'tokens.json');
      await create(file, 'shop');
      expect(await create(file, 'shop')).toMatchObject({ exit: 3, out: '' });
      expect(await rondo(['token', 'revoke', '--name', 'x', '--file', file])).toMatchObject({
        exit: 1,
        out: '',
      });
      expect(await rondo(['token', 'list', '--file', folder])).toMatchObject({ exit: 2, out: '' });
    });
  });

  it('what one was that was ended in the midst leaves is named, and nothing is changed', async () => {
    await inTempFolder(async (folder) => {
      const file = join(folder, 'tokens.json');
      writeFileSync(`${file}.lock`, '');
      const busy = await create(file, 'shop');
      expect(busy).toMatchObject({ exit: 4, out: '' });
      expect(busy.err).toContain(`remove ${file}.lock`);
    });
  });

  it.each([
    ['no scope', ['create', '--name', 'shop', '--file', 'x']],
    ['an unknown scope', ['create', '--name', 'shop', '--scope', 'admin', '--file', 'x']],
    ['no name', ['create', '--scope', 'read', '--file', 'x']],
    ['a name with a space', ['create', '--name', 'a b', '--scope', 'read', '--file', 'x']],
    ['no file', ['list']],
    ['no verb', []],
  ])('exits 2 over %s', async (_, argv) => {
    expect(await rondo(['token', ...argv])).toMatchObject({ exit: 2, out: '' });
  });
});

describe('rondo with a token', () => {
  it('shows it by --token-file before RONDO_TOKEN, and none without', async () => {
    await inTempFolder(async (folder) => {
      const seen: (string | undefined)[] = [];
      const { url, close } = await startRefusing(seen, 'unauthorized', 401);
      try {
        const [held, fromEnvironment] = [newToken(), newToken()];
        const file = join(folder, 'token');
        writeFileSync(file, `${held}\n`);
        const environment = { RONDO_TOKEN: fromEnvironment };
        await rondo(['get', 'k', '--url', url, '--token-file', file], { environment });
        await rondo(['get', 'k', '--url', url], { environment });
        await rondo(['status', '--url', url], { environment });
        await rondo(['get', 'k', '--url', url]);
        const shown = [held, fromEnvironment, fromEnvironment].map((token) => `Bearer ${token}`);
        expect(seen).toEqual([...shown, undefined]);
      } finally {
        await close();
      }
    });
  });

  it.each([
    ['unauthorized', 401, '--token-file'],
    ['forbidden', 403, 'scope write'],
  ])('%s: says what to do, exits 2, and is not tried again', async (code, status, advice) => {
    const seen: unknown[] = [];
    const { url, close } = await startRefusing(seen, code, status);
    try {
      const run = await rondo(['put', 'k', 'v', '--overwrite', '--url', url]);
      expect(run).toMatchObject({ exit: 2, out: '' });
      expect(run.err).toContain(advice);
      expect(seen).toHaveLength(1);
    } finally {
      await close();
    }
  });

  it('what is no token is never sent: exit 2, and it is not shown', async () => {
    await inTempFolder(async (folder) => {
      const file = join(folder, 'token');
      writeFileSync(file, 'my password\r\nX-Evil: 1');
      const byFile = await rondo(['get', 'k', '--token-file', file]);
      const byEnvironment = await rondo(['get', 'k'], { environment: { RONDO_TOKEN: 'my password' } });
      for (const run of [byFile, byEnvironment]) {
        expect(run).toMatchObject({ exit: 2, out: '' });
        expect(run.err).not.toContain('password');
      }
      expect(byEnvironment.err).toContain('RONDO_TOKEN');
    });
  });
});

/** A node that turns everybody away, and remembers what they showed. */
async function startRefusing(
  seen: unknown[],
  code: string,
  status: number,
): Promise<{ readonly url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ success: false, error: { code, message: 'No.', outcome: 'none' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
