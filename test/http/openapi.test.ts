import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ERRORS } from '../../services/node/core/errors.js';
import type { ErrorCode } from '../../services/node/core/errors.js';
import { openApiDocument } from '../../services/node/http/openapi.js';
import { ROUTES } from '../../services/node/http/routes.js';
import { call } from './support/contract.js';
import { startHarness } from './support/harness.js';
import type { Harness } from './support/harness.js';

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly responses: Record<string, { readonly description: string; readonly content: object }>;
}

const document = openApiDocument() as Document;
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

describe('the API description', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.server.close());

  it('is plain data, and the same each time', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
    expect(openApiDocument()).toEqual(document);
  });

  it('is what /openapi.json serves', async () => {
    const { json } = await call(harness.url, 'GET', '/openapi.json');
    expect(json).toEqual(document);
  });

  it('refers only to schemas that it holds, and holds none that nothing refers to', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(
      ([, target]) => target!,
    );
    const names = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(new Set(references)).toEqual(new Set(names));
  });

  it('names every operation once', () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids).toHaveLength(ROUTES.length);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('lists the query parameters of a GET and of a DELETE', () => {
    const names = (method: string): string[] =>
      document.paths['/storage/{key}']![method]!.parameters!.map(({ name }) => name);
    expect(names('get')).toEqual(['key', 'minNumReads', 'quorum']);
    expect(names('delete')).toEqual([
      'key',
      'fromVersion',
      'minNumWrites',
      'quorum',
      'onConflict',
      'requestId',
    ]);
  });

  it.each(ROUTES)('every error of $method $path stands under its status', (route) => {
    const { responses } = document.paths[route.path]![route.method]!;
    for (const code of route.errors) {
      expect(responses[ERRORS[code].status]?.description).toContain(`\`${code}\``);
    }
  });

  it('every error of the table belongs to an operation, but for the unknown path and what only a balancer says', () => {
    const described = new Set<ErrorCode>(ROUTES.flatMap(({ errors }) => errors));
    const missing = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => !described.has(code));
    expect(missing).toEqual(['unknown_path', 'no_node', 'answer_lost']);
  });

  it.each(ROUTES.filter(({ method }) => method === 'get'))(
    'GET $path answers as described',
    async ({ path }) => {
      const { status } = await call(harness.url, 'GET', path.replace('{key}', 'AAAA'));
      expect(status).toBeLessThan(500);
    },
  );
});
