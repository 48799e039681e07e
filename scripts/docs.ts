import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { openApiDocument } from '../services/node/http/openapi.js';
import { errorsPage } from './docs/errorsPage.js';
import { stalePages, writePages } from './docs/pages.js';

/**
 * `npm run docs`: writes the pages that are generated from the source, so that they cannot drift from it.
 * `npm run docs -- --check` writes nothing and fails where one is not as it would be written.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const PAGES = [
  { path: 'docs/ERRORS.md', content: errorsPage() },
  { path: 'docs/openapi.json', content: JSON.stringify(openApiDocument(), null, 2) },
];

async function prettierFormat(file: string, content: string): Promise<string> {
  return format(content, { ...(await resolveConfig(file)), filepath: file });
}

if (process.argv.includes('--check')) {
  const stale = await stalePages(ROOT, PAGES, prettierFormat);
  for (const page of stale) process.stdout.write(`${page.path} is stale; mend it with: npm run docs\n`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const file of await writePages(ROOT, PAGES, prettierFormat)) process.stdout.write(`wrote ${file}\n`);
}
