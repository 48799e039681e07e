import { readFileSync } from 'node:fs';
import { isToken } from './token.js';

/** The token that a client keeps in a file of its own. Throws an Error that says what is wrong. */
export function readHeldToken(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new Error(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`, {
      cause: error,
    });
  }
  if (isToken(text)) return text;
  const what = text.startsWith('{')
    ? 'holds the hashes that nodes read (--api-token-file)'
    : 'holds no token';
  throw new Error(`${path} ${what}; what \`rondo token create\` printed is wanted`);
}
