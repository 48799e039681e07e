import { timingSafeEqual } from 'node:crypto';
import type { Log } from '../ports/telemetry.js';
import { digestOf, isToken, type ClientTokens, type Scope } from './token.js';
import { parseTokenFile, readTokenText } from './tokenFile.js';

/** The tokens that a node takes, as its file has them within about a second. */
export interface TokenBook extends ClientTokens {
  size(): number;
  /** Looks at the file no more. Idempotent. */
  close(): Promise<void>;
}

export interface TokenBookOptions {
  readonly path: string;
  readonly log: Log;
  /** From one look at the file to the next. */
  readonly everyMs?: number;
}

interface Entry {
  readonly digest: Buffer;
  readonly scope: Scope;
}

const EVERY_MS = 1000;

/**
 * Reads the file, again and again: it is small, and its text is the surest sign of a change. A later one that cannot be used
 * leaves the tokens as they are, for a slip of an editor must not lock everybody out; the first one has to be sound.
 */
export async function openTokenBook({ path, log, everyMs = EVERY_MS }: TokenBookOptions): Promise<TokenBook> {
  let entries: readonly Entry[];
  let seen: string;
  try {
    seen = await readTokenText(path);
    entries = entriesOf(seen);
  } catch (error) {
    throw new Error(
      `The token file ${path} cannot be used (${messageOf(error)}): make one with \`rondo token create --name NAME --scope write --file ${path}\`, or correct it.`,
      { cause: error },
    );
  }

  async function look(): Promise<void> {
    const found = await readTokenText(path).then(
      (text) => ({ text, entries: () => entriesOf(text) }),
      (error: unknown) => ({ text: messageOf(error), entries: () => raise(error) }),
    );
    if (found.text === seen) return;
    seen = found.text;
    try {
      entries = found.entries();
      log.log('info', 'the client tokens were read again', { path, tokens: entries.length });
    } catch (error) {
      const tokens = entries.length;
      log.log('error', 'the token file cannot be used: the tokens read before go on to count', {
        ...{ path, tokens, error: messageOf(error) },
      });
    }
  }

  const stop = repeat(look, everyMs);
  return { scopeOf: (token) => scopeIn(entries, token), size: () => entries.length, close: stop };
}

/** Compares with all of them, and each in constant time, so that the time says nothing of any. */
function scopeIn(entries: readonly Entry[], token: string): Scope | undefined {
  if (!isToken(token)) return undefined;
  const digest = digestOf(token);
  let scope: Scope | undefined;
  for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) scope = entry.scope;
  return scope;
}

function entriesOf(text: string): readonly Entry[] {
  return parseTokenFile(text).map(({ sha256, scope }) => ({ digest: Buffer.from(sha256, 'hex'), scope }));
}

/** One run after the other; the function returned ends it, after the one under way. */
function repeat(run: () => Promise<void>, pauseMs: number): () => Promise<void> {
  let ended = false;
  let running = Promise.resolve();
  let timer = setTimeout(go, pauseMs);
  function go(): void {
    running = run().finally(() => {
      if (!ended) timer = setTimeout(go, pauseMs);
    });
  }
  return () => {
    ended = true;
    clearTimeout(timer);
    return running;
  };
}

function raise(error: unknown): never {
  throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
