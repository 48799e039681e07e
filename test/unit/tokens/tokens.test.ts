import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readHeldToken } from '../../../services/node/tokens/heldToken.js';
import { digestOf, isToken, newToken } from '../../../services/node/tokens/token.js';
import { openTokenBook, type TokenBook } from '../../../services/node/tokens/tokenBook.js';
import {
  addToken,
  listTokens,
  parseTokenFile,
  revokeToken,
} from '../../../services/node/tokens/tokenFile.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-tokens-'));
  path = join(folder, 'tokens.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const NOW = new Date('2026-01-02T03:04:05.678Z');
const add = (name: string, scope: 'read' | 'write' = 'write'): Promise<string> =>
  addToken(path, name, scope, NOW);

/** At once: who looks meanwhile sees no half of it. */
function replace(text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const sound = { name: 'shop', scope: 'read', sha256: 'ab'.repeat(32), createdAt: NOW.toISOString() };

describe('a token', () => {
  it('is new each time, and has 256 bits', () => {
    const made = Array.from({ length: 50 }, newToken);
    expect(new Set(made).size).toBe(50);
    expect(made.every(isToken)).toBe(true);
    expect(Buffer.from(made[0]!.slice('rondo_'.length), 'base64url')).toHaveLength(32);
  });

  it.each([
    '',
    'rondo_',
    'password',
    `rondo_${'a'.repeat(42)}`,
    `rondo_${'a'.repeat(44)}`,
    `rondo_${'a'.repeat(42)}!`,
  ])('%j is none', (text) => expect(isToken(text)).toBe(false));
});

describe('the token file', () => {
  it('keeps name, scope and hash, never the token, and only its owner may read it', async () => {
    const token = await add('shop', 'read');
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain(token);
    expect(JSON.parse(text)).toEqual({
      tokens: [{ ...sound, sha256: digestOf(token).toString('hex') }],
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['tokens.json']);
  });

  it('has several tokens at once; one is revoked and the others stay', async () => {
    await add('old');
    await add('new');
    await revokeToken(path, 'old');
    expect((await listTokens(path)).map(({ name }) => name)).toEqual(['new']);
  });

  it('has one token a name, and revokes only what is there', async () => {
    await add('shop');
    const before = readFileSync(path, 'utf8');
    await expect(add('shop')).rejects.toMatchObject({ code: 'exists' });
    await expect(revokeToken(path, 'other')).rejects.toMatchObject({ code: 'unknown' });
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it('of two who add at the same time none undoes what the other has told', async () => {
    const told = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => add(name)));
    const added = ['a', 'b', 'c', 'd'].filter((_, index) => told[index]!.status === 'fulfilled');
    expect((await listTokens(path)).map(({ name }) => name).sort()).toEqual(added);
    const refused = told.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    for (const reason of refused) expect(reason).toMatchObject({ code: 'busy' });
    expect(added.length).toBeGreaterThan(0);
  });

  it('is not changed where it is damaged, or is something else', async () => {
    writeFileSync(path, '{"tokens":');
    await expect(add('shop')).rejects.toMatchObject({ code: 'unusable' });
    expect(readFileSync(path, 'utf8')).toBe('{"tokens":');
    await expect(addToken(folder, 'shop', 'read', NOW)).rejects.toMatchObject({ code: 'unusable' });
    await expect(listTokens(join(folder, 'none'))).rejects.toMatchObject({ code: 'unusable' });
  });

  it('has a bound', async () => {
    const tokens = Array.from({ length: 100 }, (_, n) => ({
      ...{ ...sound, name: `n${n}` },
      sha256: n.toString(16).padStart(64, '0'),
    }));
    writeFileSync(path, JSON.stringify({ tokens }));
    await expect(add('more')).rejects.toMatchObject({ code: 'full' });
    expect(() => parseTokenFile(JSON.stringify({ tokens: [...tokens, sound] }))).toThrow();
    writeFileSync(path, ' '.repeat(300 * 1024));
    await expect(listTokens(path)).rejects.toMatchObject({ code: 'unusable' });
  });

  it.each([
    ['nothing', ''],
    ['no object', '[]'],
    ['no list', '{}'],
    ['a token without a scope', JSON.stringify({ tokens: [{ ...sound, scope: undefined }] })],
    ['an unknown scope', JSON.stringify({ tokens: [{ ...sound, scope: 'admin' }] })],
    ['a hash of another kind', JSON.stringify({ tokens: [{ ...sound, sha256: 'ab'.repeat(20) }] })],
    ['a wish that nobody fulfils', JSON.stringify({ tokens: [{ ...sound, expires: 'tomorrow' }] })],
    ['a name twice', JSON.stringify({ tokens: [sound, { ...sound, sha256: 'cd'.repeat(32) }] })],
    ['a hash twice', JSON.stringify({ tokens: [sound, { ...sound, name: 'other' }] })],
  ])('with %s is refused', (_, text) => {
    expect(() => parseTokenFile(text)).toThrow();
  });

  it('that is a token by mistake is not shown in the error', () => {
    const token = newToken();
    expect(() => parseTokenFile(token)).toThrow(/^it is not JSON$/);
  });
});

describe('what a node knows of its tokens', () => {
  const logged: { level: string; message: string }[] = [];
  const log = { log: (level: string, message: string) => void logged.push({ level, message }) };
  const books: TokenBook[] = [];
  const open = async (): Promise<TokenBook> => {
    const book = await openTokenBook({ path, log, everyMs: 5 });
    books.push(book);
    return book;
  };
  afterEach(async () => {
    await Promise.all(books.splice(0).map((book) => book.close()));
    logged.length = 0;
  });

  it('scopes by token, all that the file has, and nothing else', async () => {
    const [reader, writer] = [await add('r', 'read'), await add('w')];
    const book = await open();
    expect([book.scopeOf(reader), book.scopeOf(writer)]).toEqual(['read', 'write']);
    const strangers = [newToken(), '', `${reader}x`, reader.slice(0, -1), digestOf(reader).toString('hex')];
    expect(strangers.map((token) => book.scopeOf(token))).toEqual(strangers.map(() => undefined));
  });

  it('follows the file: a new token counts, a revoked one does not', async () => {
    const old = await add('old');
    const book = await open();
    const fresh = await add('fresh', 'read');
    await eventually(() => book.scopeOf(fresh) === 'read');
    expect(book.scopeOf(old)).toBe('write');
    await revokeToken(path, 'old');
    await eventually(() => book.scopeOf(old) === undefined);
    await revokeToken(path, 'fresh');
    await eventually(() => book.size() === 0);
    expect(logged.map(({ level }) => level)).toEqual(['info', 'info', 'info']);
  });

  it.each([
    ['damaged', () => replace('{')],
    ['empty', () => replace('')],
    ['gone', () => rmSync(path)],
  ])(
    'a file that is %s leaves the tokens as they are, and is an error in the log, once',
    async (_, spoil) => {
      const token = await add('shop');
      const text = readFileSync(path, 'utf8');
      const book = await open();
      spoil();
      await eventually(() => logged.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(logged).toMatchObject([{ level: 'error' }]);
      expect(book.scopeOf(token)).toBe('write');
      writeFileSync(path, text);
      await eventually(() => logged.length === 2);
      expect(logged[1]).toMatchObject({ level: 'info' });
      expect(book.scopeOf(token)).toBe('write');
    },
  );

  it('at the start a file that cannot be used is an error that says what to do', async () => {
    await expect(open()).rejects.toThrow(/ENOENT.*rondo token create.*--file/);
    writeFileSync(path, newToken());
    await expect(open()).rejects.toThrow(/not JSON/);
  });

  it('closed, it looks no more', async () => {
    await add('shop');
    const book = await open();
    await book.close();
    const late = await add('late');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect([book.scopeOf(late), logged]).toEqual([undefined, []]);
  });
});

describe('the token of a client', () => {
  it('is what the file has, white space at the ends aside', () => {
    const token = newToken();
    writeFileSync(path, `${token}\n`);
    expect(readHeldToken(path)).toBe(token);
  });

  it('says what is wrong: no file, no token, the file of the nodes', async () => {
    expect(() => readHeldToken(path)).toThrow(/cannot be read \(ENOENT\)/);
    await add('shop');
    expect(() => readHeldToken(path)).toThrow(/hashes that nodes read/);
    writeFileSync(path, 'secret');
    expect(() => readHeldToken(path)).toThrow(/holds no token/);
    expect(() => readHeldToken(path)).not.toThrow(/secret/);
  });
});

async function eventually(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
