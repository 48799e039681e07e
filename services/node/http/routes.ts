import type * as z from 'zod';
import type { ErrorCode } from '../core/errors.js';
import { scopeWanted } from './gate.js';
import * as schemas from './schemas.js';

/** One operation of the API, as the documentation and its tests see it. */
export interface Route {
  readonly path: string;
  readonly method: 'get' | 'put' | 'delete' | 'post';
  readonly summary: string;
  /** Query parameters. */
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly replies: Readonly<Record<number, Reply>>;
  readonly errors: readonly ErrorCode[];
}

interface Reply {
  readonly description: string;
  readonly type: string;
  readonly schema: z.ZodType;
}

const json = (description: string, schema: z.ZodType): Reply => ({
  description,
  type: 'application/json',
  schema,
});
const text = (description: string, schema: z.ZodType): Reply => ({ description, type: 'text/plain', schema });
const lines = (description: string): Reply => ({
  description: `${description} One JSON object a line; a line with an error ends what a node has to say.`,
  type: 'application/x-ndjson',
  schema: schemas.dumpLineSchema,
});

/** What a node with a token file answers besides, to those who show none that will do. */
export function gateErrors({ method, path }: Route): readonly ErrorCode[] {
  const wanted = scopeWanted(method.toUpperCase(), path);
  if (wanted === undefined) return [];
  return wanted === 'read' ? ['unauthorized'] : ['unauthorized', 'forbidden'];
}

/** What the HTTP layer itself may answer to any request. */
const ANY: readonly ErrorCode[] = [
  'malformed_request',
  'method_not_allowed',
  'request_timeout',
  'headers_too_large',
  'internal',
];
const STORAGE: readonly ErrorCode[] = [
  ...ANY,
  'invalid_key',
  'key_too_large',
  'invalid_parameter',
  'invalid_quorum',
  'quorum_not_met',
  'deadline_exceeded',
  'overloaded',
  'storage_unavailable',
  'shutting_down',
];
const WRITE: readonly ErrorCode[] = [
  ...STORAGE,
  'invalid_body',
  'invalid_version',
  'stale_version',
  'record_too_large',
  'too_many_siblings',
  'no_coordinator',
];
const PUT: readonly ErrorCode[] = [...WRITE, 'invalid_value', 'value_too_large', 'body_too_large'];

/** Of what a person asks for: a web page of another site can send a POST, but not with this content type. */
const ADMIN: readonly ErrorCode[] = [...ANY, 'unsupported_media_type', 'invalid_body', 'invalid_parameter'];

const putReplies = { 200: json('The write is durable on minNumWrites nodes.', schemas.putReplySchema) };

export const ROUTES: readonly Route[] = [
  {
    path: '/storage/{key}',
    method: 'get',
    summary: 'Reads a key',
    query: schemas.getQuerySchema,
    replies: {
      200: json('The values under one version.', schemas.getReplySchema),
      404: json('Nothing is stored (version "") or all is deleted (version kept).', schemas.getReplySchema),
    },
    errors: [...STORAGE, 'no_complete_replica'],
  },
  {
    path: '/storage/{key}',
    method: 'put',
    summary: 'Writes a key; the empty value deletes',
    body: schemas.putBodySchema,
    replies: putReplies,
    errors: PUT,
  },
  {
    path: '/storage/{key}',
    method: 'delete',
    summary: 'Deletes a key: a PUT of the empty value',
    query: schemas.deleteQuerySchema,
    replies: putReplies,
    errors: WRITE,
  },
  {
    path: '/storage',
    method: 'put',
    summary: 'Writes the key that the body names',
    body: schemas.putBodySchema,
    replies: putReplies,
    errors: PUT,
  },
  {
    path: '/ping',
    method: 'get',
    summary: 'Answers',
    replies: { 200: text('The process answers.', schemas.pingReplySchema) },
    errors: ANY,
  },
  {
    path: '/health',
    method: 'get',
    summary: 'Whether the process lives',
    replies: { 200: json('It lives.', schemas.healthReplySchema) },
    errors: ANY,
  },
  {
    path: '/ready',
    method: 'get',
    summary: 'Whether the node may take traffic',
    replies: {
      200: json('It may.', schemas.readyReplySchema),
      503: json('It stops, or its storage refuses work.', schemas.readyReplySchema),
    },
    errors: ANY,
  },
  {
    path: '/metrics',
    method: 'get',
    summary: 'Metrics for Prometheus',
    replies: { 200: text('The metrics.', schemas.metricsReplySchema) },
    errors: ANY,
  },
  {
    path: '/check_connectivity',
    method: 'get',
    summary: 'Which nodes this node reaches over the bus',
    replies: { 200: json('Every node of the cluster document.', schemas.connectivityReplySchema) },
    errors: ANY,
  },
  {
    path: '/internal/dump/my',
    method: 'get',
    summary: 'Everything that this node holds',
    replies: { 200: lines('Records with siblings and tombstones.') },
    errors: [...ANY, 'overloaded'],
  },
  {
    path: '/internal/dump/all',
    method: 'get',
    summary: 'Everything that every node holds, node by node',
    replies: { 200: lines('Records with siblings and tombstones.') },
    errors: [...ANY, 'overloaded'],
  },
  {
    path: '/cluster',
    method: 'get',
    summary: 'The cluster document and how this node sees the cluster',
    replies: { 200: json('As of now.', schemas.clusterReplySchema) },
    errors: ANY,
  },
  {
    path: '/internal/where/{key}',
    method: 'get',
    summary: 'Where a key lies, and what each node holds of it',
    query: schemas.noQuerySchema,
    replies: { 200: json('As each node answered.', schemas.whereReplySchema) },
    errors: [
      ...ANY,
      'invalid_key',
      'key_too_large',
      'invalid_parameter',
      'overloaded',
      'no_complete_replica',
    ],
  },
  {
    path: '/internal/repair',
    method: 'post',
    summary: 'Has this node compare with every other one as soon as possible, and pull what it lacks',
    query: schemas.repairQuerySchema,
    replies: { 200: json('It will; /cluster shows how far it is.', schemas.repairReplySchema) },
    errors: [...ADMIN, 'overloaded', 'no_complete_replica'],
  },
  {
    path: '/internal/remove/{node}',
    method: 'post',
    summary: 'Takes a lost node out of the cluster document; what only it held is given up',
    query: schemas.removeQuerySchema,
    replies: { 200: json('It is in no replica set any more.', schemas.removeReplySchema) },
    errors: [...ADMIN, 'unknown_node', 'node_in_use', 'loss_not_accepted', 'not_committed'],
  },
  {
    path: '/openapi.json',
    method: 'get',
    summary: 'This description',
    replies: { 200: json('An OpenAPI 3.1 document.', schemas.openApiReplySchema) },
    errors: ANY,
  },
];
