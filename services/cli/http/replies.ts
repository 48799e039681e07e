import { CliError, EXIT, type ExitCode } from '../failure.js';
import { printable } from '../view/text.js';
import type { HttpReply } from './transport.js';

/** Reads the bodies of the HTTP contract; whatever does not follow it is "not a Rondo node". */

/** What a GET found. `missing` with a version: deleted; with `""`: never written. */
export type ReadOutcome =
  | { readonly status: 'found'; readonly version: string; readonly values: readonly Buffer[] }
  | { readonly status: 'missing'; readonly version: string };

/** What a PUT did. A null version: other siblings remain, so read before writing again. */
export type WriteOutcome =
  | { readonly status: 'stored'; readonly version: string | null; readonly siblings: number }
  | { readonly status: 'stale'; readonly version: string }
  | { readonly status: 'crowded' };

type Json = Readonly<Record<string, unknown>>;

export function readOutcome(reply: HttpReply, from: URL): ReadOutcome {
  const value = jsonObject(reply.body)?.['value'];
  if ((reply.status !== 200 && reply.status !== 404) || !isObject(value)) throw refusal(reply, from);
  const { version, values } = value;
  if (typeof version !== 'string' || !isTexts(values)) throw refusal(reply, from);
  if (values.length === 0) return { status: 'missing', version };
  return { status: 'found', version, values: values.map((text) => Buffer.from(text, 'base64')) };
}

export function writeOutcome(reply: HttpReply, from: URL): WriteOutcome {
  const body = jsonObject(reply.body);
  if (reply.status === 200 && body?.['success'] === true) {
    const { version, siblings } = body;
    if (typeof version === 'string') return { status: 'stored', version, siblings: 1 };
    if (version === null) {
      return { status: 'stored', version, siblings: typeof siblings === 'number' ? siblings : 2 };
    }
  }
  const code = errorCode(reply);
  if (code === 'stale_version') {
    const version = body?.['version'];
    return { status: 'stale', version: typeof version === 'string' ? version : '' };
  }
  if (code === 'too_many_siblings') return { status: 'crowded' };
  throw refusal(reply, from);
}

/** The whole body of what is about the cluster; its shape is the concern of view/. */
export function jsonBody(reply: HttpReply, from: URL): unknown {
  const body = jsonObject(reply.body);
  if (reply.status !== 200 || !body) throw refusal(reply, from);
  return body;
}

/** The `code` of an error body. */
export function errorCode(reply: HttpReply): string | undefined {
  const error = reply.status >= 400 ? jsonObject(reply.body)?.['error'] : undefined;
  return isObject(error) && typeof error['code'] === 'string' ? error['code'] : undefined;
}

/** A reply that is not the answer hoped for, as an error. */
export function refusal(reply: HttpReply, from: URL): CliError {
  const error = jsonObject(reply.body)?.['error'];
  if (!isObject(error) || typeof error['code'] !== 'string') return strange(reply, from);
  const text = typeof error['message'] === 'string' ? error['message'] : error['code'];
  const exit = exitOf(reply.status);
  return new CliError({
    code: error['code'],
    exit,
    message: `${from.origin} answered ${reply.status}: ${printable(text).replace(/\.$/, '')}${remarks(error)}`,
    hint: hintAt(reply.status, exit),
    outcome: error['outcome'] === 'unknown' || error['outcome'] === 'none' ? error['outcome'] : undefined,
  });
}

function hintAt(status: number, exit: ExitCode): string | undefined {
  if (status === 401) return 'Show a token of `rondo token create` with --token-file, or in RONDO_TOKEN';
  if (status === 403) return 'Use a token of the scope write';
  return exit === EXIT.unavailable ? 'Try again in a moment; `rondo status` shows the nodes' : undefined;
}

function remarks({ got, wanted, detail }: Json): string {
  const quorum =
    typeof got === 'number' && typeof wanted === 'number' ? ` (${got} of ${wanted} answered)` : '';
  return typeof detail === 'string' ? `${quorum} (${printable(detail)})` : quorum;
}

function strange(reply: HttpReply, from: URL): CliError {
  return new CliError({
    code: 'not_rondo',
    exit: EXIT.unavailable,
    message: `${from.origin} answered ${reply.status}, but not as a Rondo node does`,
    hint: 'Does --url (or RONDO_URL) point at a node?',
  });
}

function exitOf(status: number): ExitCode {
  if (status === 409 || status === 429) return EXIT.conflict;
  return status >= 500 || status === 408 ? EXIT.unavailable : EXIT.usage;
}

function jsonObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
