import type { IncomingMessage } from 'node:http';
import { requestError } from '../core/errors.js';
import type { RequestError } from '../core/errors.js';
import type { ClientTokens, Scope } from '../tokens/token.js';
import type { Edge } from './edge.js';

/**
 * Who may ask, judged by the request line and one header, before anything else of a request is looked at. Without tokens
 * everybody may; config.ts sees to it that such a node listens on loopback only.
 */

/** What monitors and balancers ask; it tells nothing of the data. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/ping', '/health', '/ready']);

/** RFC 9110 §11.1: the case of a scheme's name does not matter. */
const BEARER = /^bearer +(\S+)$/i;

/** undefined: to be asked by anybody. */
export function scopeWanted(method: string, path: string): Scope | undefined {
  if (OPEN_PATHS.has(path)) return undefined;
  return method === 'GET' || method === 'HEAD' ? 'read' : 'write';
}

/** Why the request is turned away, if it is. `target`: its path and query. */
export function gateRefusal(
  { tokens, telemetry }: Edge,
  request: IncomingMessage,
  target: string,
): RequestError | undefined {
  if (!tokens) return undefined;
  const mark = target.indexOf('?');
  const wanted = scopeWanted(request.method ?? '', mark < 0 ? target : target.slice(0, mark));
  const refusal = wanted && refusalOf(tokens, request, wanted);
  if (refusal) telemetry.metrics.count('rondo_requests_refused_total', { reason: refusal.code });
  return refusal;
}

function refusalOf(tokens: ClientTokens, request: IncomingMessage, wanted: Scope): RequestError | undefined {
  const [credentials, ...others] = credentialsOf(request);
  if (credentials === undefined) return unauthorized('there is no Authorization header');
  // What stands between may have looked at another one than this node would.
  if (others.length > 0) return unauthorized('there is more than one Authorization header');
  const [, token] = BEARER.exec(credentials) ?? [];
  if (token === undefined) return unauthorized('the Authorization header is not "Bearer" and a token');
  const scope = tokens.scopeOf(token);
  if (scope === undefined) return unauthorized('this node does not know the token');
  return scope === 'write' || wanted === 'read' ? undefined : requestError('forbidden');
}

function unauthorized(detail: string): RequestError {
  return requestError('unauthorized', { detail });
}

/** A GET needs nothing else of its headers: they are not parsed for it. */
function credentialsOf({ rawHeaders }: IncomingMessage): readonly string[] {
  const found: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 13 && name.toLowerCase() === 'authorization') found.push(rawHeaders[i + 1] ?? '');
  }
  return found;
}
