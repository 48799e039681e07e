import { z } from 'zod';
import { CliError, EXIT } from '../failure.js';

/** The bodies of `/internal/where`, `/internal/repair` and `/internal/remove`; more fields may come. */

const whole = z.number().int().nonnegative();

const holderSchema = z.object({
  node: z.string(),
  status: z.string(),
  hash: z.string().optional(),
  version: z.string().optional(),
  values: whole.optional(),
  tombstone: z.boolean().optional(),
  bytes: whole.optional(),
});

const whereSchema = z.object({
  key: z.string(),
  position: z.string(),
  partition: whole,
  epoch: whole,
  primaries: z.array(holderSchema),
  fallbacks: z.array(holderSchema),
});

const repairSchema = z.object({ node: z.string(), incarnation: whole, after: whole });
const removeSchema = z.object({ epoch: whole });

export type Holder = z.infer<typeof holderSchema>;
export type WhereView = z.infer<typeof whereSchema>;
export type RepairView = z.infer<typeof repairSchema>;

export const parseWhere = (body: unknown): WhereView => parsed(whereSchema, body);
export const parseRepair = (body: unknown): RepairView => parsed(repairSchema, body);
export const parseRemove = (body: unknown): { readonly epoch: number } => parsed(removeSchema, body);

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new CliError({
    code: 'not_rondo',
    exit: EXIT.unavailable,
    message: `the reply has an unexpected shape (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`,
    hint: 'Are rondo and the nodes of the same version?',
  });
}
