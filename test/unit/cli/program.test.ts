import { describe, expect, it } from '@jest/globals';
import { failureLine } from '../../../services/cli/failure.js';
import { startMemoryStore } from './support/memoryStore.js';
import { inTempFolder, jsonOf, rondo } from './support/run.js';

const COMMANDS = ['get', 'put', 'delete', 'status', 'ring', 'import', 'export', 'verify'];

describe('rondo', () => {
  it.each(COMMANDS)(
    '%s --help lists its options, the global ones and the exit codes, and exits 0',
    async (name) => {
      const run = await rondo([name, '--help']);
      expect(run).toMatchObject({ exit: 0, err: '' });
      for (const text of ['--url', '--json', '--timeout-ms', 'Exit codes:', '  3  conflict']) {
        expect(run.out).toContain(text);
      }
    },
  );

  it('lists every command, and tells its version', async () => {
    const help = await rondo(['--help']);
    for (const name of [...COMMANDS, 'start', 'token'])
      expect(help.out).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect(await rondo(['--version'])).toMatchObject({ exit: 0, out: '0.0.0-test\n' });
  });

  it.each([
    ['no command', []],
    ['an unknown command', ['frobnicate']],
    ['an unknown option', ['get', 'k', '--frobnicate']],
    ['a missing key', ['get']],
    ['an argument too many', ['get', 'k', 'x']],
    ['an empty key', ['get', '']],
    ['a key that is too long', ['get', 'ü'.repeat(2049)]],
    ['a key that is not base64', ['get', 'a key', '--key-base64']],
    ['base64 with a stray character', ['get', 'a.b=', '--key-base64']],
    ['no number', ['get', 'k', '--min-num-reads', 'two']],
    ['a number below 1', ['get', 'k', '--min-num-reads', '0']],
    ['a fraction', ['put', 'k', 'v', '--min-num-writes', '1.5']],
    ['an exponent', ['put', 'k', 'v', '--min-num-writes', '1e99']],
    ['an unknown quorum', ['get', 'k', '--quorum', 'lax']],
    ['an unknown conflict rule', ['put', 'k', 'v', '--on-conflict', 'win']],
    ['options that exclude each other', ['put', 'k', 'v', '--overwrite', '--from-version', 'x']],
    ['a URL that is none', ['get', 'k', '--url', 'http://:::']],
    ['a URL of another kind', ['get', 'k', '--url', 'ftp://x']],
    ['a timeout of 0', ['get', 'k', '--timeout-ms', '0']],
    ['a concurrency of 0', ['import', '.', '--concurrency', '0']],
    ['a folder that is not there', ['import', '/nonexistent/folder']],
    ['a folder that is a file', ['verify', process.execPath]],
    ['a folder that cannot be made', ['export', `${process.execPath}/x`]],
  ])('exits 2 over %s, with a word on standard error and nothing on standard output', async (_, argv) => {
    const run = await rondo(argv);
    expect(run).toMatchObject({ exit: 2, out: '' });
    expect(run.err).not.toBe('');
  });

  it('with --json puts usage errors on standard output as well', async () => {
    const run = await rondo(['get', '--json']);
    expect(run.exit).toBe(2);
    expect(jsonOf(run)).toMatchObject({ success: false, error: { code: 'usage' } });
  });

  it('finds the cluster by --url before RONDO_URL, several by commas or repetition', async () => {
    const store = await startMemoryStore();
    try {
      store.plant('k', 'v');
      const { host } = new URL(store.url);
      const nowhere = { RONDO_URL: 'http://127.0.0.1:1' };
      expect(await rondo(['get', 'k'], { environment: { RONDO_URL: host } })).toMatchObject({ out: 'v' });
      expect(await rondo(['--url', host, 'get', 'k'], { environment: nowhere })).toMatchObject({ out: 'v' });
      const both = `http://127.0.0.1:1,${store.url}`;
      expect(await rondo(['get', 'k', '--url', both])).toMatchObject({ exit: 0, out: 'v' });
      const repeated = ['get', 'k', '--url', 'http://127.0.0.1:1', '--url', store.url];
      expect(await rondo(repeated)).toMatchObject({ exit: 0, out: 'v' });
    } finally {
      await store.close();
    }
  });

  it('names RONDO_URL where that is wrong', async () => {
    const run = await rondo(['get', 'k'], { environment: { RONDO_URL: 'ftp://x' } });
    expect(run.exit).toBe(2);
    expect(run.err).toContain('RONDO_URL');
  });

  it('says in one line what happened and what to do where nothing listens', async () => {
    const run = await rondo(['get', 'k', '--url', 'http://127.0.0.1:1']);
    expect(run.exit).toBe(4);
    expect(run.err).toMatch(/^rondo: http:\/\/127\.0\.0\.1:1 refused the connection\. Is it running\?.*\n$/);
    const json = await rondo(['get', 'k', '--url', 'http://127.0.0.1:1', '--json']);
    expect(json).toMatchObject({ exit: 4, err: '' });
    expect(jsonOf(json)).toMatchObject({ success: false, error: { code: 'unreachable' } });
  });

  it('exits 4 over an import into nothing, and says that it can be repeated', async () => {
    await inTempFolder(async (folder) => {
      const run = await rondo(['import', folder, '--url', 'http://127.0.0.1:1', '--retry-ms', '0']);
      expect(run.exit).toBe(4);
      expect(run.err).toContain('Run the same command again');
    });
  });
});

describe('failure line', () => {
  it('says where a write may have happened, and ends in one full stop', () => {
    const failure = { code: 'timeout', exit: 4, message: 'x did not answer', outcome: 'unknown' } as const;
    expect(failureLine(failure)).toBe('rondo: x did not answer (it may or may not have happened).');
    expect(failureLine({ ...failure, hint: 'Is it running?' })).toMatch(/Is it running\?$/);
  });
});
