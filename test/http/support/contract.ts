import { errorReplySchema } from '../../../services/node/http/schemas.js';
import { gateErrors, ROUTES } from '../../../services/node/http/routes.js';
import { ERRORS } from '../../../services/node/core/errors.js';

/** A reply that has been held against its documented shape. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body where it is JSON. */
  readonly json: unknown;
}

/**
 * Sends a request and checks the reply against what the API's description says of that operation: status, content type,
 * shape, and for an error that it is listed there. Throws where it is not as described.
 */
export async function call(
  baseUrl: string,
  method: string,
  target: string,
  init: RequestInit = {},
): Promise<Reply> {
  const response = await fetch(`${baseUrl}${target}`, { method, ...init });
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const json: unknown = type.startsWith('application/json') && text !== '' ? JSON.parse(text) : undefined;
  const reply = { status: response.status, headers: response.headers, text, json };
  if (method !== 'HEAD') assertDescribed(method, target, type, reply);
  return reply;
}

/** PUT of JSON fields. */
export function putJson(baseUrl: string, target: string, fields: object): Promise<Reply> {
  return call(baseUrl, 'PUT', target, { body: JSON.stringify(fields) });
}

/** The error's code, or undefined where the reply is none. */
export function codeOf({ json }: Reply): string | undefined {
  const parsed = errorReplySchema.safeParse(json);
  return parsed.success ? parsed.data.error.code : undefined;
}

function assertDescribed(method: string, target: string, type: string, reply: Reply): void {
  const route = routeOf(method, target);
  const code = codeOf(reply);
  if (code !== undefined) {
    const known = route
      ? [...route.errors, ...gateErrors(route)]
      : (['unknown_path', 'method_not_allowed', 'unauthorized', 'forbidden'] as const);
    const listed = known.find((candidate) => candidate === code);
    if (!listed) throw new Error(`${method} ${target}: the error ${code} is not described`);
    if (ERRORS[listed].status !== reply.status) throw new Error(`${code} came with status ${reply.status}`);
    if ((reply.status === 503) !== reply.headers.has('retry-after'))
      throw new Error('Retry-After goes with 503');
    if ((reply.status === 401) !== reply.headers.has('www-authenticate'))
      throw new Error('WWW-Authenticate goes with 401');
    return;
  }
  const described = route?.replies[reply.status];
  if (!described) throw new Error(`${method} ${target}: the status ${reply.status} is not described`);
  if (!type.startsWith(described.type)) throw new Error(`${method} ${target}: content type ${type}`);
  for (const body of bodiesOf(described.type, reply)) described.schema.parse(body);
}

function bodiesOf(type: string, { text, json }: Reply): unknown[] {
  if (type === 'application/x-ndjson') return linesOf(text);
  return [type === 'application/json' ? json : text];
}

/** The objects of an NDJSON text. */
export function linesOf(text: string): unknown[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line does not end');
  return lines.map((line) => JSON.parse(line) as unknown);
}

function routeOf(method: string, target: string): (typeof ROUTES)[number] | undefined {
  const [path = ''] = target.split('?');
  const fits = (template: string): boolean => {
    const [prefix = ''] = template.split('{');
    return prefix === template ? path === template : path.startsWith(prefix);
  };
  return ROUTES.find((route) => fits(route.path) && route.method === method.toLowerCase());
}
