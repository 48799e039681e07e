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

export const noQuerySchema = z.strictObject({});

export const deleteQuerySchema = z.strictObject({
  fromVersion: fromVersion.optional(),
  minNumWrites: minNum('Durable copies wanted before the reply').optional(),
  quorum: quorum.optional(),
  onConflict: onConflict.optional(),
  requestId: requestId.optional(),
});

export const repairQuerySchema = z.strictObject({
  partition: z.number().int().min(0).describe('Compare this partition only; default: all').optional(),
});

export const removeQuerySchema = z.strictObject({
  acceptLoss: z
    .enum(['true', 'false'])
    .describe('true: what only that node holds is given up. Without it the request is refused')
    .optional(),
});

export const sentNodeSchema = z.string().min(1).describe('The id of a node in the cluster document');

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

const holderSchema = z.union([
  z.strictObject({
    node: z.string(),
    status: z.literal('found'),
    hash: z.string().describe('The same for the same record'),
    version: version.describe('As a GET from this node alone would give it'),
    values: count.describe('Values that a read would show; more than one are siblings'),
    tombstone: z.boolean().describe('All that is left is a delete'),
    bytes: count.describe('Of the record in memory, about'),
  }),
  z.strictObject({
    node: z.string(),
    status: z
      .enum(['missing', 'incomplete', 'damaged', 'refused', 'silent'])
      .describe(
        'incomplete: it may lack acknowledged writes and tells nothing; silent: no answer in time, or a fallback that is not alive',
      ),
  }),
]);

export const whereReplySchema = z.strictObject({
  key: encoded.describe('The key in standard base64, padded'),
  position: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .describe('On the ring, in hexadecimal'),
  partition: count,
  epoch: count.describe('Of the cluster document that this follows from'),
  primaries: z.array(holderSchema).describe('The replica set, in its order'),
  fallbacks: z.array(holderSchema).describe('Who stands in for primaries, in this order'),
});

export const repairReplySchema = z.strictObject({
  success: z.literal(true),
  node: z.string(),
  incarnation: count.describe('Comparisons are numbered anew in each life of a node'),
  after: count.describe('Comparisons that begin from now on have higher numbers in /cluster, antiEntropy'),
});

export const removeReplySchema = z.strictObject({
  success: z.literal(true),
  epoch: count.describe('Of the cluster document without the node'),
});

const comparisonSchema = z.strictObject({
  number: count.describe('Counted as they begin, anew in each life of a node'),
  secondsAgo: count.describe('Since it ended'),
  how: z.enum(['same', 'repaired']).describe('repaired: something was missing here, and was pulled'),
  keysPulled: count,
  partition: count.optional().describe('Where only that one was compared'),
});

const antiEntropySchema = z.strictObject({
  underway: z
    .strictObject({
      number: count,
      peer: z.string(),
      partitionsLeft: count,
      keysPulled: count,
      partition: count.optional(),
    })
    .nullable()
    .describe('The comparison that this node is at'),
  last: z
    .record(z.string(), comparisonSchema)
    .describe('By node: the last comparison of all that both hold in which nothing failed'),
  lastOfPartition: z.record(z.string(), comparisonSchema).describe('By node: the last of a single partition'),
  treesReady: count.describe('Partitions whose hash tree is ready'),
  damagedKeys: count.describe('Keys whose record here is damaged, and not mended yet'),
});

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
  antiEntropy: antiEntropySchema,
  rebuild: z
    .strictObject({ left: z.array(z.string()).describe('Complete nodes that it has still to compare with') })
    .nullable()
    .describe('While this node is being rebuilt'),
  registry: z
    .strictObject({
      reachable: z.boolean(),
      registered: z.boolean().describe('This node, as it is'),
      store: z
        .enum(['unread', 'same', 'newer', 'lost', 'foreign'])
        .describe('What the store holds beside the document of this node'),
      checks: z
        .record(z.string(), z.boolean())
        .describe('Of the nodes registered there: whether the check passes'),
    })
    .nullable()
    .describe('The registry, where the document is kept in its store'),
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
