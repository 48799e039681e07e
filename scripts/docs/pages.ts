import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A generated file: where it lies in the project, and what belongs into it, not yet formatted. */
export interface Page {
  readonly path: string;
  readonly content: string;
}

/** Gives a file's content the project's formatting. */
export type Format = (file: string, content: string) => Promise<string>;

/** Writes every page that differs; returns the paths of those written. */
export async function writePages(
  root: string,
  pages: readonly Page[],
  format: Format,
): Promise<readonly string[]> {
  const stale = await stalePages(root, pages, format);
  for (const page of stale) {
    const file = path.join(root, page.path);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, page.content);
  }
  return stale.map((page) => page.path);
}

/** The pages whose file is missing or says something else; with the content, formatted, that they should have. */
export async function stalePages(
  root: string,
  pages: readonly Page[],
  format: Format,
): Promise<readonly Page[]> {
  const formatted = async (page: Page): Promise<Page> => {
    return { ...page, content: await format(path.join(root, page.path), page.content) };
  };
  const wanted = await Promise.all(pages.map(formatted));
  return wanted.filter((page) => readIfThere(path.join(root, page.path)) !== page.content);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
