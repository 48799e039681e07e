import * as z from 'zod';
import { ERRORS } from '../core/errors.js';
import type { ErrorCode } from '../core/errors.js';
import { scopeWanted } from './gate.js';
import { gateErrors, ROUTES } from './routes.js';
import type { Route } from './routes.js';
import * as schemas from './schemas.js';

type Json = Record<string, unknown>;

/** Version of the API that the document describes. */
const API_VERSION = '0.1.0';

/** Shapes that the document names once and refers to. */
const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  ClusterReply: schemas.clusterReplySchema,
  ConnectivityReply: schemas.connectivityReplySchema,
  DumpLine: schemas.dumpLineSchema,
  ErrorReply: schemas.errorReplySchema,
  GetReply: schemas.getReplySchema,
  PutBody: schemas.putBodySchema,
  PutReply: schemas.putReplySchema,
  RemoveReply: schemas.removeReplySchema,
  RepairReply: schemas.repairReplySchema,
  WhereReply: schemas.whereReplySchema,
};

const TOKEN_SCHEME = 'clientToken';
const TOKEN_SECURITY = {
  type: 'http',
  scheme: 'bearer',
  description:
    'Wanted by nodes that are started with --api-token-file. A token of scope read may GET and HEAD, one of scope write everything.',
};

/** The OpenAPI 3.1 description of the API: pure data, the same at every call. */
export function openApiDocument(): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Rondo',
      version: API_VERSION,
      description: 'A sharded, replicated key-value store. Keys and values are base64.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths: paths(),
    components: { schemas: components(), securitySchemes: { [TOKEN_SCHEME]: TOKEN_SECURITY } },
  };
}

function paths(): Json {
  const byPath: Record<string, Json> = {};
  for (const route of ROUTES) {
    const operations = (byPath[route.path] ??= {});
    operations[route.method] = operation(route);
  }
  return byPath;
}

function operation(route: Route): Json {
  const parameters = [...pathParameters(route), ...queryParameters(route)];
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: { required: true, content: content('application/json', route.body) } }),
    security: security(route),
    responses: { ...replies(route), ...errors(route) },
  };
}

/** Tokens are wanted by nodes that have a token file; others take requests without. */
function security({ method, path }: Route): Json[] {
  const isOpen = scopeWanted(method.toUpperCase(), path) === undefined;
  return isOpen ? [] : [{ [TOKEN_SCHEME]: [] }, {}];
}

/** `getStorageKey` for GET /storage/{key}. */
function operationId({ method, path }: Route): string {
  const words = path.match(/[a-z]+/g) ?? [];
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

const PATH_PARAMETERS = {
  key: {
    description: 'Percent-encoded where needed; / and + may stand as they are',
    schema: schemas.sentKeySchema,
  },
  node: { description: 'Percent-encoded where needed', schema: schemas.sentNodeSchema },
} as const;

function pathParameters({ path }: Route): Json[] {
  return Object.entries(PATH_PARAMETERS)
    .filter(([name]) => path.includes(`{${name}}`))
    .map(([name, { description, schema }]) => ({
      ...{ name, in: 'path', required: true, description },
      schema: jsonSchema(schema),
    }));
}

function queryParameters({ query }: Route): Json[] {
  if (!query) return [];
  const { properties = {} } = jsonSchema(query) as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}

function replies(route: Route): Json {
  return Object.fromEntries(
    Object.entries(route.replies).map(([status, { description, type, schema }]) => [
      status,
      { description, content: content(type, schema) },
    ]),
  );
}

/** Errors by status; where a status is also a reply that is no error, either shape may come. */
function errors(route: Route): Json {
  const statusOf = (code: ErrorCode): number => ERRORS[code].status;
  const all = [...gateErrors(route), ...route.errors];
  const statuses = [...new Set(all.map(statusOf))];
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      errorReply(
        route,
        status,
        all.filter((code) => statusOf(code) === status),
      ),
    ]),
  );
}

function errorReply(route: Route, status: number, codes: readonly ErrorCode[]): Json {
  const also = route.replies[status];
  const described = codes.map((code) => `\`${code}\`: ${ERRORS[code].message}`);
  const schema = also ? { anyOf: [reference(also.schema), errorReference()] } : errorReference();
  return {
    description: [...(also ? [also.description] : []), ...described].join('\n\n'),
    ...(status === 503 && {
      headers: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } },
    }),
    ...(status === 401 && {
      headers: { 'WWW-Authenticate': { description: 'Bearer', schema: { type: 'string' } } },
    }),
    content: { 'application/json': { schema } },
  };
}

function content(type: string, schema: z.ZodType): Json {
  return { [type]: { schema: reference(schema) } };
}

function errorReference(): Json {
  return reference(schemas.errorReplySchema);
}

function reference(schema: z.ZodType): Json {
  const name = Object.keys(COMPONENTS).find((candidate) => COMPONENTS[candidate] === schema);
  return name === undefined ? jsonSchema(schema) : { $ref: `#/components/schemas/${name}` };
}

function components(): Json {
  return Object.fromEntries(Object.entries(COMPONENTS).map(([name, schema]) => [name, jsonSchema(schema)]));
}

/** Without its dialect: that of OpenAPI 3.1 is the default one of JSON Schema 2020-12. */
function jsonSchema(schema: z.ZodType): Json {
  return Object.fromEntries(
    Object.entries(z.toJSONSchema(schema, { io: 'input' })).filter(([name]) => name !== '$schema'),
  );
}
