import { isUtf8 } from 'node:buffer';
import type * as z from 'zod';
import { requestError } from '../core/errors.js';
import type { ErrorCode, RequestError } from '../core/errors.js';
import type { GetRequest, PutRequest } from '../core/protocol/messages.js';
import { LIMITS } from '../core/types.js';
import type { Key, NodeId, Partition } from '../core/types.js';
import { decodeBase64, decodedLength } from './base64.js';
import {
  deleteQuerySchema,
  getQuerySchema,
  noQuerySchema,
  putBodySchema,
  removeQuerySchema,
  repairQuerySchema,
} from './schemas.js';
import type { PutBody } from './schemas.js';

/**
 * From the text that a client sent to a request of the core, or to the error that it gets. Whether minNum is at most the
 * number of replicas is for the core to say; that it is a whole number from 1 is checked here, under the same code.
 */

type Parsed<T> = { readonly ok: true; readonly value: T } | RequestError;

const DETAIL_CHARS_MAX = 200;

/** `pathKey`: what follows `/storage/`; `query`: what follows `?`. */
export function parseGet(pathKey: string, query: string): Parsed<GetRequest> {
  const key = parsePathKey(pathKey);
  if (!key.ok) return key;
  if (query === '') return { ok: true, value: { key: key.value, quorum: 'sloppy' } };
  const options = parseQuery(query, getQuerySchema);
  if (!options.ok) return options;
  const { minNumReads, quorum = 'sloppy' } = options.value;
  return { ok: true, value: { key: key.value, quorum, ...(minNumReads && { minReads: minNumReads }) } };
}

/** `pathKey` undefined: the key is in the body. `valueBytesMax` bounds the decoded value. */
export function parsePut(
  pathKey: string | undefined,
  query: string,
  body: Buffer,
  valueBytesMax: number,
): Parsed<PutRequest> {
  const stray = query === '' ? undefined : parseQuery(query, noQuerySchema);
  if (stray && !stray.ok) return stray;
  const pathParsed = pathKey === undefined ? undefined : parsePathKey(pathKey);
  if (pathParsed && !pathParsed.ok) return pathParsed;
  const fields = parseBody(body);
  if (!fields.ok) return fields;
  const key = chooseKey(pathParsed?.value, fields.value.key);
  if (!key.ok) return key;
  const value = parseValue(fields.value.value, valueBytesMax);
  if (!value.ok) return value;
  return { ok: true, value: putRequest(key.value, value.value, fields.value) };
}

/** A PUT of the empty value. */
export function parseDelete(pathKey: string, query: string): Parsed<PutRequest> {
  const key = parsePathKey(pathKey);
  if (!key.ok) return key;
  const options = parseQuery(query, deleteQuerySchema);
  if (!options.ok) return options;
  return { ok: true, value: putRequest(key.value, new Uint8Array(0), options.value) };
}

/** `pathKey`: what follows `/internal/where/`. */
export function parseWhere(pathKey: string, query: string): Parsed<Key> {
  const stray = parseQuery(query, noQuerySchema);
  return stray.ok ? parsePathKey(pathKey) : stray;
}

/** The partition that is to be compared; undefined: all of them. */
export function parseRepair(query: string, partitions: number): Parsed<Partition | undefined> {
  const options = parseQuery(query, repairQuerySchema);
  if (!options.ok) return options;
  const { partition } = options.value;
  if (partition !== undefined && partition >= partitions) {
    return badParameter(`partition: there are only ${String(partitions)}, counted from 0`);
  }
  return { ok: true, value: partition as Partition | undefined };
}

/** `pathNode`: what follows `/internal/remove/`. */
export function parseRemove(
  pathNode: string,
  query: string,
): Parsed<{ readonly node: NodeId; readonly acceptsLoss: boolean }> {
  const options = parseQuery(query, removeQuerySchema);
  if (!options.ok) return options;
  const node = percentDecoded(pathNode);
  // A name that cannot be decoded is nobody's.
  if (node === undefined) return requestError('unknown_node', { detail: 'malformed percent-encoding' });
  return { ok: true, value: { node: node as NodeId, acceptsLoss: options.value.acceptLoss === 'true' } };
}

function putRequest(key: Key, value: Uint8Array, options: Omit<PutBody, 'key' | 'value'>): PutRequest {
  const { fromVersion = '', minNumWrites, quorum = 'sloppy', onConflict = 'refuse', requestId } = options;
  return {
    key,
    value,
    fromVersion,
    quorum,
    onConflict,
    ...(minNumWrites !== undefined && { minWrites: minNumWrites }),
    ...(requestId !== undefined && { requestId }),
  };
}

function parsePathKey(pathKey: string): Parsed<Key> {
  if (!pathKey.includes('%')) return parseKey(pathKey);
  const text = percentDecoded(pathKey);
  return text === undefined
    ? requestError('invalid_key', { detail: 'malformed percent-encoding' })
    : parseKey(text);
}

function parseKey(text: string): Parsed<Key> {
  if (decodedLength(text) > LIMITS.keyBytesMax) return requestError('key_too_large');
  const bytes = decodeBase64(text);
  if (!bytes) return requestError('invalid_key', { detail: 'not base64' });
  if (bytes.length === 0) return requestError('invalid_key', { detail: 'the key is empty' });
  return { ok: true, value: bytes.toString('latin1') as Key };
}

/** The path's key rules; a body that names another one is refused, so that no write goes where nobody meant it to. */
function chooseKey(fromPath: Key | undefined, inBody: string | undefined): Parsed<Key> {
  if (inBody === undefined) {
    return fromPath === undefined
      ? requestError('invalid_key', { detail: 'neither the path nor the body names a key' })
      : { ok: true, value: fromPath };
  }
  const fromBody = parseKey(inBody);
  if (!fromBody.ok || fromPath === undefined || fromPath === fromBody.value) return fromBody;
  return requestError('invalid_body', { detail: 'key: another one than in the path' });
}

function parseValue(text: string, valueBytesMax: number): Parsed<Uint8Array> {
  if (decodedLength(text) > valueBytesMax) {
    return requestError('value_too_large', { detail: `at most ${String(valueBytesMax)} bytes` });
  }
  const bytes = decodeBase64(text);
  return bytes ? { ok: true, value: bytes } : requestError('invalid_value', { detail: 'not base64' });
}

function parseBody(body: Buffer): Parsed<PutBody> {
  if (!isUtf8(body)) return requestError('invalid_body', { detail: 'not UTF-8' });
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return requestError('invalid_body', { detail: body.length === 0 ? 'the body is empty' : 'not JSON' });
  }
  const result = putBodySchema.safeParse(json);
  return result.success ? { ok: true, value: result.data } : refusal(result.error, 'invalid_body');
}

function parseQuery<T>(query: string, schema: z.ZodType<T>): Parsed<T> {
  const parameters = splitQuery(query);
  if (!parameters.ok) return parameters;
  const result = schema.safeParse(parameters.value);
  return result.success ? { ok: true, value: result.data } : refusal(result.error, 'invalid_parameter');
}

type Parameters = Record<string, string | number>;

/** `+` stands for itself; a parameter without `=` is empty. */
function splitQuery(query: string): Parsed<Parameters> {
  // No prototype: a parameter named `__proto__` is then one like any other, and unknown.
  const parameters = Object.create(null) as Parameters;
  for (const pair of query === '' ? [] : query.split('&')) {
    const equals = pair.indexOf('=');
    const name = percentDecoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : percentDecoded(pair.slice(equals + 1));
    if (name === undefined || value === undefined) return badParameter('malformed percent-encoding');
    if (name in parameters) return badParameter(`${name}: repeated`);
    const isNumber = name.startsWith('minNum') || name === 'partition';
    parameters[name] = isNumber && /^[0-9]{1,9}$/.test(value) ? Number(value) : value;
  }
  return { ok: true, value: parameters };
}

function badParameter(detail: string): RequestError {
  return requestError('invalid_parameter', { detail: detail.slice(0, DETAIL_CHARS_MAX) });
}

/** Names the first fault; quorums and versions have codes of their own wherever they were sent. */
function refusal(error: z.ZodError, otherwise: ErrorCode): RequestError {
  const issue = error.issues[0];
  const field = String(issue?.path[0] ?? '');
  const detail = `${field === '' ? '' : `${field}: `}${issue?.message ?? 'malformed'}`.slice(
    0,
    DETAIL_CHARS_MAX,
  );
  if (field.startsWith('minNum')) return requestError('invalid_quorum', { detail });
  if (field === 'fromVersion' && issue?.code === 'too_big')
    return requestError('invalid_version', { detail });
  return requestError(otherwise, { detail });
}

function percentDecoded(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
