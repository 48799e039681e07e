/**
 * The one table of errors: what a client may be told, with its HTTP status, whether a retry can help, and whether the
 * request may have had an effect. docs/ERRORS.md is generated from it.
 */

/** `none`: certainly no effect. `unknown`: the write may or may not have happened; retry with the same requestId. */
export type Outcome = 'none' | 'unknown';

export interface ErrorKind {
  readonly status: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** `either`: the response itself says which. */
  readonly outcome: Outcome | 'either';
  readonly message: string;
}

const none = (status: number, message: string): ErrorKind => ({
  status,
  retryable: false,
  outcome: 'none',
  message,
});

const retryable = (outcome: ErrorKind['outcome'], message: string): ErrorKind => ({
  status: 503,
  retryable: true,
  outcome,
  message,
});

export const ERRORS = {
  invalid_key: none(400, 'The key must be base64 (standard or URL-safe) of at least one byte.'),
  key_too_large: none(413, 'The key is longer than 4096 bytes.'),
  invalid_value: none(400, 'The value must be base64 (standard or URL-safe).'),
  value_too_large: none(413, 'The value is larger than this node accepts (VALUE_BYTES_MAX).'),
  invalid_body: none(400, 'The body must be one JSON object of the documented shape.'),
  body_too_large: none(413, 'The body is larger than any accepted value could make it.'),
  invalid_parameter: none(400, 'A query parameter is unknown, repeated or malformed.'),
  invalid_quorum: none(
    400,
    'minNumReads and minNumWrites must be whole numbers from 1 to the number of replicas.',
  ),
  invalid_version: none(400, 'fromVersion is not a version that this cluster gave for this key.'),
  malformed_request: none(400, 'The request is not valid HTTP.'),
  unknown_node: none(404, 'The cluster document lists no node of this name.'),
  unknown_path: none(404, 'There is nothing at this path; GET /openapi.json lists what there is.'),
  method_not_allowed: none(405, 'This path does not answer to this method.'),
  request_timeout: none(408, 'The request did not arrive in time.'),
  stale_version: none(409, 'The key has been written since fromVersion; read it and decide again.'),
  node_in_use: none(
    409,
    'Only a node that is dead is taken out of the cluster: stop it, then ask another one.',
  ),
  loss_not_accepted: none(
    409,
    'To take a node out of the cluster gives up what only it holds: say acceptLoss=true if that is meant.',
  ),
  record_too_large: none(413, 'With this write the record, all siblings together, would exceed 32 MiB.'),
  unsupported_media_type: none(
    415,
    'This path wants Content-Type: application/json, so that no web page can ask for it.',
  ),
  too_many_siblings: none(
    429,
    'The key has too many siblings; read it and write with the version that you get.',
  ),
  headers_too_large: none(431, 'The request line and headers are too large.'),
  internal: {
    status: 500,
    retryable: true,
    outcome: 'unknown',
    message: 'An unexpected fault; the log has the details under this requestId.',
  },
  quorum_not_met: retryable('either', 'Too few replicas answered in time.'),
  no_complete_replica: retryable('none', 'No complete replica of this key answered.'),
  not_committed: retryable('either', 'The cluster document was not changed, as far as this node knows.'),
  no_coordinator: retryable('none', 'No replica of this key can be reached to coordinate the write.'),
  deadline_exceeded: retryable('either', 'The request did not finish before its deadline.'),
  overloaded: retryable('none', 'This node has as much work as it can bear; try again in a moment.'),
  storage_unavailable: retryable('either', "This node's storage refuses work; its log says why."),
  shutting_down: retryable('either', 'This node is stopping; use another one.'),
  // Told by the balancer in infra/haproxy, never by a node.
  no_node: retryable('none', 'The balancer knows of no node that takes requests.'),
  answer_lost: retryable('unknown', 'A node was given the request, and its answer never came.'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** A refused or failed request as the core reports it; the HTTP edge adds status and message from {@link ERRORS}. */
export interface RequestError {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  /** Replicas that answered, where a quorum was missed. */
  readonly got?: number;
  /** Replicas that were wanted, where a quorum was missed. */
  readonly wanted?: number;
  /** The stored version, with `stale_version`. */
  readonly version?: string;
  /** What exactly is wrong with the input, for a person. */
  readonly detail?: string;
}

export type ErrorDetails = Partial<Pick<RequestError, 'got' | 'wanted' | 'version' | 'detail'>>;

/**
 * Makes a {@link RequestError}. `outcome` may be left out where the table is definite about it.
 */
export function requestError(code: ErrorCode, details: ErrorDetails = {}, outcome?: Outcome): RequestError {
  const stated = ERRORS[code].outcome;
  return { ok: false, code, outcome: outcome ?? (stated === 'either' ? 'unknown' : stated), ...details };
}
