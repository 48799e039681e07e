import { z } from 'zod';
import { CliError, EXIT } from '../failure.js';

/** The body of `/cluster`, as far as the commands use it; more fields may come. */

const whole = z.number().int().nonnegative();

const documentSchema = z.object({
  epoch: whole,
  clusterId: z.string(),
  partitions: whole,
  replicas: whole,
  nodes: z.array(
    z.object({
      ...{ id: z.string(), httpAddress: z.string(), busAddress: z.string().default('') },
      ...{ weight: z.number(), zone: z.string().default(''), actor: z.string().default('') },
      state: z.string().default('complete'),
    }),
  ),
  tokens: z.array(whole),
  placement: z.array(z.object({ now: z.array(whole) })),
});

const comparisonSchema = z.object({
  number: whole,
  secondsAgo: whole,
  how: z.string(),
  keysPulled: whole,
  partition: whole.optional(),
});

const antiEntropySchema = z.object({
  underway: z
    .object({ number: whole, peer: z.string(), partitionsLeft: whole, keysPulled: whole })
    .extend({ partition: whole.optional() })
    .nullable(),
  last: z.record(z.string(), comparisonSchema),
  lastOfPartition: z.record(z.string(), comparisonSchema),
  treesReady: whole,
  damagedKeys: whole,
});

const NO_COMPARISONS = { underway: null, last: {}, lastOfPartition: {}, treesReady: 0, damagedKeys: 0 };

const clusterSchema = z.object({
  node: z.string(),
  actor: z.string(),
  incarnation: whole,
  complete: z.boolean(),
  ready: z.boolean(),
  document: documentSchema,
  peers: z.record(z.string(), z.string()),
  liveness: z.record(z.string(), z.string()),
  hints: z.object({ total: whole, byTarget: z.record(z.string(), whole) }),
  storage: z.object({ sequence: whole, damaged: whole }),
  live: z.object({ requests: whole, bytes: whole }),
  antiEntropy: antiEntropySchema.default(NO_COMPARISONS),
  rebuild: z
    .object({ left: z.array(z.string()) })
    .nullable()
    .default(null),
  registry: z
    .object({
      reachable: z.boolean(),
      registered: z.boolean(),
      store: z.string(),
      checks: z.record(z.string(), z.boolean()),
    })
    .nullable()
    .default(null),
});

export type ClusterView = z.infer<typeof clusterSchema>;
export type DocumentView = z.infer<typeof documentSchema>;

/** Throws {@link CliError} where the body is not a cluster's. */
export function parseCluster(body: unknown): ClusterView {
  const parsed = clusterSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CliError({
    code: 'not_rondo',
    exit: EXIT.unavailable,
    message: `/cluster has an unexpected shape (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`,
    hint: 'Are rondo and the nodes of the same version?',
  });
}

/** The base URL of a node's HTTP address, which may stand there as `host:port` or as a URL. */
export function nodeUrl(httpAddress: string): URL {
  return new URL(httpAddress.includes('://') ? httpAddress : `http://${httpAddress}`);
}
