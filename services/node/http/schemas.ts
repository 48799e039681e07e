import * as z from 'zod';
import { ERRORS } from '../core/errors.js';
import type { ErrorCode } from '../core/errors.js';
import { LIMITS } from '../core/types.js';

/**
 * Shapes of everything that a client sends and gets. Requests are validated with them, tests validate responses with
 * them, and openapi.ts describes the API from the same definitions.
 */

const ALPHABETS = 'standard or URL-safe base64, padding optional';

/** In a body or, percent-encoded where needed, in a path; http/base64.ts decodes it. */
export const sentKeySchema = z
  .string()
  .describe(`The key, 1 to ${String(LIMITS.keyBytesMax)} bytes, in ${ALPHABETS}`);
const fromVersion = z
  .string()
  .max(LIMITS.versionCharsMax)
  .describe('The version that this write follows on; absent or "": the client knows of nothing');
const minNum = (what: string): z.ZodNumber =>
  z.number().int().min(1).describe(`${what}, 1 to the number of replicas; default: their majority`);
const quorum = z
  .enum(['sloppy', 'strict'])
  .describe('strict: only primaries count; sloppy (default): fallbacks may stand in');
const onConflict = z
  .enum(['refuse', 'sibling'])
  .describe('What becomes of a stale write: refused with 409 (default), or kept as a sibling');
const requestId = z
  .string()
  .regex(/^[\x20-\x7e]{1,64}$/)
  .describe('Makes a retry after the outcome "unknown" safe: 1 to 64 printable ASCII characters');

export const putBodySchema = z.strictObject({
  key: sentKeySchema.optional(),
  value: z.string().describe(`The value in ${ALPHABETS}; the empty value deletes`),
  fromVersion: fromVersion.optional(),
  minNumWrites: minNum('Durable copies wanted before the reply').optional(),
  quorum: quorum.optional(),
  onConflict: onConflict.optional(),
  requestId: requestId.optional(),
});
export type PutBody = z.infer<typeof putBodySchema>;

export const getQuerySchema = z.strictObject({
  minNumReads: minNum('Replicas that must answer').optional(),
  quorum: quorum.optional(),
});

export const putQuerySchema = z.strictObject({});

export const deleteQuerySchema = z.strictObject({
  fromVersion: fromVersion.optional(),
  minNumWrites: minNum('Durable copies wanted before the reply').optional(),
  quorum: quorum.optional(),
  onConflict: onConflict.optional(),
  requestId: requestId.optional(),
});

const encoded = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const version = z.string().regex(/^[A-Za-z0-9_-]*$/);
const count = z.number().int().min(0);

export const getReplySchema = z.strictObject({
  key: encoded.describe('The key in standard base64, padded'),
  value: z.strictObject({
    version: version.describe('Covers exactly these values; "" where nothing was ever stored'),
    values: z
      .array(encoded)
      .describe('Siblings: more than one after concurrent writes; empty after a delete'),
  }),
});

export const putReplySchema = z.union([
  z.strictObject({ success: z.literal(true), version }),
  z.strictObject({
    success: z.literal(true),
    version: z.null().describe('Other siblings remain: read before writing again'),
    siblings: count.min(2).describe('Values that the key has now'),
  }),
]);

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

export const errorReplySchema = z.strictObject({
  success: z.literal(false),
  error: z.strictObject({
    code: z.enum(codes),
    message: z.string(),
    outcome: z.enum(['none', 'unknown']).describe('none: certainly no effect; unknown: perhaps'),
    detail: z.string().optional().describe('What exactly is wrong with the input'),
    got: count.optional().describe('Replicas that answered, where a quorum was missed'),
    wanted: count.optional().describe('Replicas wanted, where a quorum was missed'),
    requestId: z.string().optional().describe('Names the log lines of this request'),
  }),
  version: version.optional().describe('The stored version, with stale_version'),
});

export const pingReplySchema = z.literal('pong');
export const healthReplySchema = z.strictObject({ alive: z.literal(true) });
export const readyReplySchema = z.strictObject({ ready: z.boolean() });
export const metricsReplySchema = z.string().describe('Prometheus text exposition format 0.0.4');

export const connectivityReplySchema = z
  .record(z.string(), z.enum(['reachable', 'unreachable']))
  .describe('By node id, every node of the cluster document');

export const dumpLineSchema = z.union([
  z.strictObject({
    node: z.string(),
    key: encoded,
    version,
    values: z.array(encoded).describe('Empty for a tombstone'),
  }),
  z.strictObject({
    node: z.string(),
    error: z
      .strictObject({
        code: z.enum(['unreachable', 'interrupted', 'storage_unavailable']),
        message: z.string(),
      })
      .describe('Nothing more comes from this node'),
  }),
]);

const indexes = z.array(count);

export const clusterReplySchema = z.strictObject({
  node: z.string().describe('The node that answers'),
  actor: z.string(),
  incarnation: count,
  epoch: count,
  complete: z.boolean(),
  ready: z.boolean(),
  peers: z
    .record(z.string(), z.enum(['connected', 'connecting', 'unreachable']))
    .describe('As the bus sees them'),
  liveness: z
    .record(z.string(), z.enum(['alive', 'suspect', 'dead']))
    .describe('What this node takes the others for; fallbacks stand in for those that are not alive'),
  hints: z
    .strictObject({
      total: count,
      byTarget: z.record(z.string(), count).describe('Nodes without hints are left out'),
    })
    .describe('Writes kept here for nodes that could not be reached'),
  live: z.strictObject({ requests: count, bytes: count }),
  storage: z.strictObject({ sequence: count, damaged: count }),
  document: z.looseObject({
    epoch: count,
    clusterId: z.string(),
    partitions: count,
    replicas: count,
    nodes: z.array(
      z.looseObject({
        id: z.string(),
        actor: z.string().describe('The data directory that counts as this node’s'),
        voter: z.string().describe('Names the file that this node’s votes on the next document lie in'),
        state: z
          .enum(['complete', 'rebuilding'])
          .describe('rebuilding: the data was lost and is fetched from the other replicas'),
        busAddress: z.string(),
        httpAddress: z.string(),
        weight: z.number(),
        zone: z.string(),
      }),
    ),
    retired: z.array(z.string()).describe('Actors that count no more'),
    tokens: indexes.describe('For each partition the index of its token’s owner in nodes'),
    placement: z.array(
      z.looseObject({
        now: indexes.describe('The nodes that hold the partition, the token’s owner first'),
        since: count.describe('The epoch in which they last changed; requests of older ones are refused'),
      }),
    ),
  }),
});

export const openApiReplySchema = z.looseObject({ openapi: z.literal('3.1.0') });
