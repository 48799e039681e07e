/** Why a request to Consul came to nothing, and what a person can do about it. */
export type FaultKind =
  | 'unreachable'
  | 'timeout'
  | 'tls'
  /** The token. */
  | 'refused'
  /** Consul itself cannot do it now. */
  | 'erring'
  /** An answer that Consul would not give. */
  | 'foreign'
  | 'overlong'
  /** The registry is being closed. */
  | 'closing';

export interface Fault {
  readonly kind: FaultKind;
  /** Never holds a token: made of statuses, codes and what the other side said. */
  readonly detail: string;
}

export const ADVICE: Readonly<Record<FaultKind, string>> = {
  unreachable: 'look whether the agent at --consul-url runs and can be reached from here',
  timeout: 'the agent at --consul-url does not answer: look at its load, and at the network in between',
  tls: 'look whether --consul-ca-file holds the authority of the certificate of --consul-url, and at its names and dates',
  refused:
    'put a token with the rights that infra/consul describes into --consul-token-file; it is read again by itself',
  erring: 'look at the log of Consul, and whether its servers have a leader',
  foreign: 'look whether it is Consul that answers at --consul-url, and whether http or https is right',
  overlong: 'look whether it is Consul that answers at --consul-url',
  closing: 'nothing: this node is being ended',
};

/** What this adapter says of an answer itself. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly kind: FaultKind;

  constructor(kind: FaultKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}

const DETAIL_CHARS_MAX = 200;

/** Reads what the library rejects with. */
export function faultOf(error: unknown): Fault {
  if (typeof error !== 'object' || error === null)
    return { kind: 'foreign', detail: 'no answer and no error' };
  const { message = '', code, response, isCodec, kind } = error as LibraryError;
  const detail = oneLine(message === '' ? String(code) : message);
  if (kind !== undefined) return { kind, detail };
  if (response?.statusCode !== undefined)
    return { kind: kindOfStatus(response.statusCode), detail: said(response) };
  if (isCodec === true || code?.startsWith('HPE_') === true) return { kind: 'foreign', detail };
  return { kind: isOfTls(code) ? 'tls' : 'unreachable', detail };
}

interface LibraryError {
  readonly message?: string;
  readonly code?: string;
  readonly response?: Answered;
  readonly isCodec?: boolean;
  readonly kind?: FaultKind;
}

interface Answered {
  readonly statusCode?: number;
  readonly body?: unknown;
}

function kindOfStatus(status: number): FaultKind {
  if (status === 401 || status === 403) return 'refused';
  if (status === 413) return 'overlong';
  return status >= 500 || status === 429 ? 'erring' : 'foreign';
}

function said({ statusCode, body }: Answered): string {
  const text = typeof body === 'string' || Buffer.isBuffer(body) ? String(body) : '';
  return oneLine(`status ${String(statusCode)} ${text}`);
}

function oneLine(text: string): string {
  return text
    .slice(0, DETAIL_CHARS_MAX)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
}

const TLS_CODES = new Set([
  'EPROTO',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function isOfTls(code: string | undefined): boolean {
  return (
    code !== undefined && (TLS_CODES.has(code) || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL'))
  );
}
