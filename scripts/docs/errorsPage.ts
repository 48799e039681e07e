import type { ErrorCode, ErrorKind } from '../../services/node/core/errors.js';
import { ERRORS } from '../../services/node/core/errors.js';

/** What a client should do when it meets the error; a code without advice does not compile. */
const ADVICE: Record<ErrorCode, string> = {
  invalid_key: 'Encode the bytes of the key as base64, and percent-encode what a URL path cannot hold.',
  key_too_large: 'Use a shorter key, or the hash of the long one.',
  invalid_value: 'Encode the bytes of the value as base64; the empty string deletes.',
  value_too_large: 'Split the value over several keys, or raise `RONDO_VALUE_BYTES_MAX` on every node.',
  invalid_body: 'Send one JSON object; `detail` says which member is wrong and why.',
  body_too_large: 'Split the value over several keys.',
  invalid_parameter: 'Correct or leave out the parameter that `detail` names.',
  invalid_quorum: 'Ask for a number within the bounds, or leave it out and get the majority.',
  invalid_version: 'Read the key and send back the version that you get, unchanged.',
  malformed_request:
    'Look at what stands between client and node: this is not HTTP as this node understands it.',
  unknown_node: 'Check the name; `rondo nodes` lists the nodes.',
  unknown_path:
    'Check the path. A key that holds `/` or `+` has to be percent-encoded or sent as URL-safe base64.',
  method_not_allowed: 'Use a method that the `Allow` header names.',
  request_timeout: 'Send the whole request without pauses, on a new connection.',
  stale_version: 'Read the key, decide again with the values that you get, and write with their version.',
  node_in_use: 'Stop the node, wait until `rondo nodes` shows it as dead, and ask another node.',
  loss_not_accepted: 'Look at what `rondo remove` says would be lost; accept it, or start the node again.',
  record_too_large:
    'Read the key and write one value with the version that you get: this replaces the siblings.',
  unsupported_media_type: 'Send the header `Content-Type: application/json`.',
  too_many_siblings:
    'Read the key and write one value with the version that you get: this replaces the siblings.',
  headers_too_large: 'Send fewer or shorter headers; long keys go into the body of `PUT /storage`.',
  internal: 'Report it with the requestId. A write may be repeated with the same requestId.',
  quorum_not_met:
    'Repeat it after a moment, with the same requestId. `got` and `wanted` say how far off it was.',
  no_complete_replica: 'Repeat it after a moment; `rondo status` says which nodes are away or rebuilding.',
  not_committed:
    'Look whether it was done with `rondo nodes`, and repeat it: nothing is done twice. A majority of the nodes has to be up.',
  no_coordinator: 'Repeat it after a moment or at another node; `rondo status` says which nodes are away.',
  deadline_exceeded: 'Repeat it, with the same requestId where it was a write.',
  overloaded: 'Wait as long as `Retry-After` says, then repeat it; slow down if it comes often.',
  storage_unavailable:
    "Repeat it at another node, with the same requestId; look at this node's disk and log.",
  shutting_down: 'Repeat it at another node, with the same requestId.',
  no_node:
    'Repeat it after a moment; look whether nodes are ready (`/ready`), and in Consul as the service `rondo`.',
  answer_lost: 'Repeat it, with the same requestId where it was a write: it may have happened.',
};

const INTRODUCTION = `# Errors

<!-- Generated from services/node/core/errors.ts by \`npm run docs\`; do not edit. -->

Every error has the same shape, whatever the path:

\`\`\`json
{ "success": false, "error": { "code": "stale_version", "message": "…", "outcome": "none" }, "version": "…" }
\`\`\`

Programs look at \`code\`; \`message\` is for people and may change, and \`detail\`, where there is one, says what exactly is
wrong. A missed quorum also has \`got\` and \`wanted\`, and every 503 a \`Retry-After\` header. \`outcome\` says whether the
request can have had an effect:

- \`none\`: it certainly had none.
- \`unknown\`: a write may or may not have happened. Repeat it with the same \`requestId\`: if the first one did happen, the
  repetition is recognised and answered with success, and nothing is written twice.
- \`none or unknown\`: the response itself says which.

"Retry" says whether the very same request may succeed later. Where it is no, something about the request has to change
first.
`;

const HEADER = ['code', 'status', 'retry', 'outcome', 'meaning', 'what to do next'];

/** docs/ERRORS.md as Markdown, ordered by status and then as in the table. */
export function errorsPage(): string {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  const sorted = codes.toSorted((a, b) => ERRORS[a].status - ERRORS[b].status);
  const lines = [HEADER, HEADER.map(() => '---'), ...sorted.map((code) => row(code, ERRORS[code]))];
  return `${INTRODUCTION}\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function row(code: ErrorCode, kind: ErrorKind): readonly string[] {
  const outcome = kind.outcome === 'either' ? 'none or unknown' : kind.outcome;
  const cells = [
    `\`${code}\``,
    String(kind.status),
    kind.retryable ? 'yes' : 'no',
    outcome,
    kind.message,
    ADVICE[code],
  ];
  return cells.map((cell) => cell.replaceAll('|', '\\|'));
}
