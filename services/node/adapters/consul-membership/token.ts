import { readFile } from 'node:fs/promises';

/** The ACL token, from a file: whoever changes it there need not restart a node. */
export interface Token {
  current(): string | undefined;
  /** Reads the file again; where it holds none, the token stays. Never rejects. */
  renew(): Promise<void>;
}

/** Rejects, saying what to do, where the file holds no token. */
export async function openToken(file: string): Promise<Token> {
  if (file === '') return { current: () => undefined, renew: () => Promise.resolve() };
  let token = await readToken(file);
  return {
    current: () => token,
    renew: async () => {
      token = await readToken(file).catch(() => token);
    },
  };
}

/** What can stand in a header. */
const TOKEN = /^[\x21-\x7e]{1,512}$/;

async function readToken(file: string): Promise<string> {
  const token = (await readFile(file, 'utf8')).trim();
  if (TOKEN.test(token)) return token;
  throw new Error(`${file} holds no token of Consul: one line of up to 512 signs without blanks is wanted`);
}
