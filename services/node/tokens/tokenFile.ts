import { open, readFile, rm, stat } from 'node:fs/promises';
import * as z from 'zod';
import { writeJsonDurably } from '../durableFile.js';
import { digestOf, newToken, SCOPES, type Scope } from './token.js';

/**
 * The file that nodes know the tokens of their clients by: names, scopes and hashes, never a token. Several at once, so
 * that a new one can be handed out before an old one is revoked.
 */

const FILE_BYTES_MAX = 256 * 1024;
/** A request is compared with each. */
const TOKENS_MAX = 100;

const recordSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'up to 63 letters, digits, dots, dashes and underscores'),
  scope: z.enum(SCOPES),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, '64 digits of lower-case hexadecimal'),
  createdAt: z.iso.datetime(),
});

// Strict: whoever writes "expires" must not believe that it does.
const fileSchema = z.strictObject({ tokens: z.array(recordSchema).max(TOKENS_MAX) });

export type TokenRecord = Readonly<z.infer<typeof recordSchema>>;

/** Why the file cannot be changed as asked. */
export class TokenFileError extends Error {
  override readonly name = 'TokenFileError';
  readonly code: 'unusable' | 'exists' | 'unknown' | 'full' | 'busy';

  constructor(code: TokenFileError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Throws an Error that says what is wrong with the text. */
export function parseTokenFile(text: string): readonly TokenRecord[] {
  const parsed = fileSchema.safeParse(jsonOf(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const { tokens } = parsed.data;
  // Whoever revokes one of two must not leave the other.
  for (const field of ['name', 'sha256'] as const) {
    const values = tokens.map((token) => token[field]);
    if (new Set(values).size < values.length) throw new Error(`two tokens have the same ${field}`);
  }
  return tokens;
}

/** The parser's own message would show what may be a token, put here by mistake. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
}

/** What lies at `path`; rejects where that is no file that could be one of tokens. */
export async function readTokenText(path: string): Promise<string> {
  const found = await stat(path);
  if (!found.isFile()) throw new Error('it is no file');
  if (found.size > FILE_BYTES_MAX) throw new Error(`it has more than ${String(FILE_BYTES_MAX)} bytes`);
  return readFile(path, 'utf8');
}

/** Rejects with a {@link TokenFileError}. */
export async function listTokens(path: string): Promise<readonly TokenRecord[]> {
  return (await readIfThere(path)) ?? unusable(path, 'ENOENT');
}

/** Makes a token and keeps its hash, durably, before it is told. Rejects with a {@link TokenFileError}. */
export function addToken(path: string, name: string, scope: Scope, now: Date): Promise<string> {
  return alone(path, async () => {
    const records = (await readIfThere(path)) ?? [];
    if (records.some((record) => record.name === name)) {
      throw new TokenFileError('exists', `${path} has a token of the name ${name}`);
    }
    if (records.length >= TOKENS_MAX) {
      throw new TokenFileError('full', `${path} has ${String(TOKENS_MAX)} tokens, and can have no more`);
    }
    const token = newToken();
    const sha256 = digestOf(token).toString('hex');
    await keep(path, [...records, { name, scope, sha256, createdAt: now.toISOString() }]);
    return token;
  });
}

/** Rejects with a {@link TokenFileError}. */
export function revokeToken(path: string, name: string): Promise<void> {
  return alone(path, async () => {
    const records = await listTokens(path);
    const others = records.filter((record) => record.name !== name);
    if (others.length === records.length) {
      throw new TokenFileError('unknown', `${path} has no token of the name ${name}`);
    }
    await keep(path, others);
  });
}

async function readIfThere(path: string): Promise<readonly TokenRecord[] | undefined> {
  try {
    return parseTokenFile(await readTokenText(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return unusable(path, error instanceof Error ? error.message : String(error));
  }
}

async function keep(path: string, tokens: readonly TokenRecord[]): Promise<void> {
  // A name that nodes would refuse must not cost them the whole file.
  parseTokenFile(JSON.stringify({ tokens }));
  await writeJsonDurably(path, { tokens });
}

/** Of two that change the file at the same time one would undo what the other has just told. */
async function alone<T>(path: string, change: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  try {
    await (await open(lock, 'wx', 0o600)).close();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (code !== 'EEXIST') return unusable(path, code);
    throw new TokenFileError('busy', `${path} is being changed; remove ${lock} if nobody is at it`);
  }
  try {
    return await change();
  } finally {
    await rm(lock, { force: true });
  }
}

function unusable(path: string, why: string): never {
  throw new TokenFileError('unusable', `${path} cannot be used (${why})`);
}

/** Whether a text can name a token. */
export function isTokenName(text: string): boolean {
  return recordSchema.shape.name.safeParse(text).success;
}
