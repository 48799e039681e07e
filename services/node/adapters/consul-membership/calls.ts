import { type Answer, type Client, foreign, type RequestName } from './client.js';

/** What is asked of Consul, and which answers are its own. */

export interface KeyReading {
  /** Of the blocking query. */
  readonly index: number;
  /** When the value was stored; 0 where there is none. */
  readonly storedIndex: number;
  readonly text: string;
}

/** `consistent`: of a leader that has just made sure that it is one. Or: when the index is another one. */
export type Freshness = { readonly consistent: true } | { readonly index: number; readonly wait: string };

export async function readKey(
  client: Client,
  request: RequestName,
  key: string,
  timeoutMs: number,
  freshness: Freshness,
): Promise<Answer<KeyReading>> {
  const reply = await client.ask(request, timeoutMs, (api, options) => {
    const wanted = { key, ...freshness, ...options };
    return api.kv.get(wanted);
  });
  if (!reply.ok) return reply;
  const { index, status, body } = reply;
  if (index === undefined) return foreign(`status ${String(status)} without an index`);
  if (status === 404) return { ok: true, value: { index, storedIndex: 0, text: '' } };
  const item = body as
    { readonly Key?: unknown; readonly ModifyIndex?: unknown; readonly Value?: unknown } | undefined;
  if (item?.Key !== key || !isIndex(item.ModifyIndex))
    return foreign('no value of the key that was asked for');
  const text = item.Value ?? '';
  if (typeof text !== 'string') return foreign('a value that is no text');
  return { ok: true, value: { index, storedIndex: item.ModifyIndex, text } };
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Whether it was done. */
export async function swapKey(
  client: Client,
  key: string,
  timeoutMs: number,
  { index, text }: { readonly index: number; readonly text: string },
): Promise<Answer<boolean>> {
  const reply = await client.ask('swap', timeoutMs, (api, options) => {
    const wanted = { key, value: text, cas: index, ...options };
    return api.kv.set(wanted);
  });
  if (!reply.ok) return reply;
  return typeof reply.body === 'boolean'
    ? { ok: true, value: reply.body }
    : foreign('neither true nor false');
}

export interface ServiceView {
  readonly index: number;
  /** As they are; not looked at yet. */
  readonly entries: readonly unknown[];
}

export async function readService(
  client: Client,
  service: string,
  timeoutMs: number,
  freshness: Freshness,
): Promise<Answer<ServiceView>> {
  const reply = await client.ask('nodes', timeoutMs, (api, options) => {
    const wanted = { service, ...freshness, ...options };
    return api.health.service(wanted);
  });
  if (!reply.ok) return reply;
  const { index, body } = reply;
  if (index === undefined || !Array.isArray(body)) return foreign('no list of nodes');
  return { ok: true, value: { index, entries: body } };
}

/** What the agent itself has registered under the id; undefined: nothing. */
export async function readRegistration(
  client: Client,
  id: string,
  timeoutMs: number,
): Promise<Answer<unknown>> {
  const reply = await client.ask('look', timeoutMs, (api, options) => {
    const wanted = { filter: `ID == "${id}"`, ...options };
    return api.agent.service.list(wanted);
  });
  if (!reply.ok) return reply;
  const { body } = reply;
  if (typeof body !== 'object' || body === null || Array.isArray(body) || Buffer.isBuffer(body)) {
    return foreign('no services of an agent');
  }
  return { ok: true, value: (body as Readonly<Record<string, unknown>>)[id] };
}
