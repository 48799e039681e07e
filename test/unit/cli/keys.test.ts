import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startMemoryStore, type MemoryStore } from './support/memoryStore.js';
import { jsonOf, rondo, type CliRun, type RunOptions } from './support/run.js';

let store: MemoryStore;
beforeEach(async () => void (store = await startMemoryStore()));
afterEach(() => store.close());

const at = (argv: readonly string[], options?: RunOptions): Promise<CliRun> =>
  rondo([...argv, '--url', store.url], options);
const version = (key: string): string => store.records.get(key)?.version ?? '';

describe('rondo get', () => {
  it('prints exactly the bytes of the value', async () => {
    const value = Buffer.from([0, 255, 10, 13, 128]);
    store.plant('k', value);
    const run = await at(['get', 'k']);
    expect(run).toMatchObject({ exit: 0, err: '' });
    expect(run.bytes).toEqual(value);
  });

  it('on a terminal ends the line and shows the version', async () => {
    store.plant('k', 'hello');
    const run = await at(['get', 'k'], { outIsTty: true, errIsTty: true });
    expect(run.out).toBe('hello\n');
    expect(run.err).toContain(version('k'));
  });

  it('exits 1 where nothing is stored, and tells it from a delete', async () => {
    expect(await at(['get', 'nothing'])).toMatchObject({
      exit: 1,
      out: '',
      err: 'rondo: nothing is not stored.\n',
    });
    store.plant('gone');
    expect(await at(['get', 'gone'])).toMatchObject({ exit: 1, err: 'rondo: gone is deleted.\n' });
  });

  it('exits 3 over siblings, prints none of them, and says how to settle on one', async () => {
    store.plant('k', 'one', 'three');
    const run = await at(['get', 'k']);
    expect(run).toMatchObject({ exit: 3, out: '' });
    expect(run.err).toContain('2 siblings');
    expect(run.err).toContain('5 bytes');
    expect(run.err).toContain(`--from-version ${version('k')}`);
  });

  it('prints the sibling that was asked for, and refuses one that is not there', async () => {
    store.plant('k', 'one', 'two');
    expect(await at(['get', 'k', '--sibling', '2'])).toMatchObject({ exit: 0, out: 'two' });
    expect(await at(['get', 'k', '--sibling', '3'])).toMatchObject({ exit: 2, out: '' });
  });

  it('as JSON follows the HTTP contract, also for siblings and for nothing', async () => {
    store.plant('k', 'one', 'two');
    const both = await at(['get', 'k', '--json']);
    expect(both.exit).toBe(3);
    const values = ['one', 'two'].map((text) => Buffer.from(text).toString('base64'));
    expect(jsonOf(both)).toEqual({ key: 'aw==', value: { version: version('k'), values } });
    const none = await at(['get', 'n', '--json']);
    expect(none.exit).toBe(1);
    expect(jsonOf(none)).toEqual({ key: 'bg==', value: { version: '', values: [] } });
  });

  it('passes the wanted quorum on', async () => {
    await at(['get', 'k', '--min-num-reads', '2', '--quorum', 'strict']);
    expect(store.calls[0]?.query.toString()).toBe('minNumReads=2&quorum=strict');
  });

  it('takes keys that are no text as base64, of either alphabet', async () => {
    store.plant('\xff\xfe', 'bytes');
    expect(await at(['get', '//4=', '--key-base64'])).toMatchObject({ exit: 0, out: 'bytes' });
    expect(await at(['get', '__4', '--key-base64'])).toMatchObject({ exit: 0, out: 'bytes' });
  });
});

describe('rondo put', () => {
  it('creates, and prints the version', async () => {
    const run = await at(['put', 'k', 'v']);
    expect(run).toMatchObject({ exit: 0, out: `${version('k')}\n`, err: '' });
    expect(store.records.get('k')?.values).toEqual([Buffer.from('v')]);
  });

  it('reads the value from standard input, bytes of any kind', async () => {
    const stdin = Buffer.from([0, 200, 255]);
    expect(await at(['put', 'k'], { stdin })).toMatchObject({ exit: 0 });
    expect(store.records.get('k')?.values).toEqual([stdin]);
  });

  it('exits 3 where something is stored, changes nothing and says what to do', async () => {
    store.plant('k', 'old');
    const run = await at(['put', 'k', 'new']);
    expect(run).toMatchObject({ exit: 3, out: '' });
    expect(run.err).toContain('--overwrite');
    expect(store.records.get('k')?.values).toEqual([Buffer.from('old')]);
  });

  it('replaces with the version that was read, and whatever is there with --overwrite', async () => {
    store.plant('k', 'old');
    expect(await at(['put', 'k', 'new', '--from-version', version('k')])).toMatchObject({ exit: 0 });
    expect(await at(['put', 'k', 'newer', '--overwrite'])).toMatchObject({ exit: 0 });
    expect(store.records.get('k')?.values).toEqual([Buffer.from('newer')]);
  });

  it('settles siblings with --overwrite', async () => {
    store.plant('k', 'one', 'two');
    expect(await at(['put', 'k', 'both', '--overwrite'])).toMatchObject({ exit: 0 });
    expect(store.records.get('k')?.values).toEqual([Buffer.from('both')]);
  });

  it('keeps a stale write as a sibling where told to, and says so', async () => {
    store.plant('k', 'old');
    const run = await at(['put', 'k', 'new', '--on-conflict', 'sibling']);
    expect(run).toMatchObject({ exit: 0, out: '' });
    expect(run.err).toContain('2 siblings');
    expect(jsonOf(await at(['put', 'k', 'x', '--on-conflict', 'sibling', '--json']))).toEqual({
      ...{ success: true, version: null, siblings: 3 },
    });
  });

  it('refuses an empty value, which would be a delete, before it asks anybody', async () => {
    expect(await at(['put', 'k', ''])).toMatchObject({ exit: 2, out: '' });
    expect(await at(['put', 'k'], { stdin: Buffer.alloc(0) })).toMatchObject({ exit: 2 });
    expect(store.calls).toHaveLength(0);
  });

  it('is one write however often it is repeated with one request id', async () => {
    const first = await at(['put', 'k', 'v', '--request-id', 'r1']);
    const second = await at(['put', 'k', 'v', '--request-id', 'r1']);
    expect([first.exit, second.exit]).toEqual([0, 0]);
    expect(second.out).toBe(first.out);
  });

  it('as JSON says on standard output why it was refused', async () => {
    store.plant('k', 'old');
    const run = await at(['put', 'k', 'new', '--json']);
    expect(run).toMatchObject({ exit: 3, err: '' });
    expect(jsonOf(run)).toMatchObject({ success: false, error: { code: 'stale_version', outcome: 'none' } });
  });

  it('tells a full key from an overloaded node', async () => {
    store.mischief = () => ({ status: 429, code: 'too_many_siblings' });
    expect(await at(['put', 'k', 'v'])).toMatchObject({ exit: 3 });
    store.mischief = () => ({ status: 503, code: 'overloaded', outcome: 'none' });
    expect(await at(['put', 'k', 'v'])).toMatchObject({ exit: 4 });
  });
});

describe('rondo delete', () => {
  it('deletes what it read, siblings included', async () => {
    store.plant('k', 'one', 'two');
    expect(await at(['delete', 'k'])).toMatchObject({ exit: 0, err: '' });
    expect(store.records.get('k')?.values).toEqual([]);
  });

  it('exits 1 where nothing is stored and writes nothing', async () => {
    store.plant('gone');
    for (const key of ['k', 'gone']) expect(await at(['delete', key])).toMatchObject({ exit: 1, out: '' });
    expect(store.calls.every((call) => call.method === 'GET')).toBe(true);
  });

  it('exits 3 and deletes nothing where somebody writes between its read and its write', async () => {
    store.plant('k', 'old');
    store.mischief = ({ method }) => {
      if (method === 'PUT') store.plant('k', 'newer');
      return undefined;
    };
    expect(await at(['delete', 'k'])).toMatchObject({ exit: 3 });
    expect(store.records.get('k')?.values).toEqual([Buffer.from('newer')]);
  });
});
