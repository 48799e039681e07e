import { hash, randomBytes } from 'node:crypto';

/**
 * What clients show a node that has a token file. A token is 256 random bits, and only such are taken: nobody guesses one,
 * so that a plain SHA-256 keeps it as safe as a slow hash would, which is for words that people choose, and would cost
 * every request milliseconds.
 */

export const SCOPES = ['read', 'write'] as const;
/** `write` includes `read`. */
export type Scope = (typeof SCOPES)[number];

/** The tokens that count at the moment. */
export interface ClientTokens {
  /** undefined: not one of them. */
  scopeOf(token: string): Scope | undefined;
}

const TOKEN_BYTES = 32;
/** The prefix lets people and scanners of sources know one where they see it. */
const TOKEN = /^rondo_[A-Za-z0-9_-]{43}$/;

export function newToken(): string {
  return `rondo_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
}

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
