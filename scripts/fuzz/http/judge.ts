import { ERRORS } from '../../../services/node/core/errors.js';
import type { ErrorCode } from '../../../services/node/core/errors.js';
import { ROUTES } from '../../../services/node/http/routes.js';
import type { Route } from '../../../services/node/http/routes.js';
import { errorReplySchema } from '../../../services/node/http/schemas.js';
import type { Conversation, RequestLine, Transcript } from './conversation.js';
import type { HttpReply } from './replyReader.js';

/** Holds what a node answered against what its API says, from the same tables that the documentation is made of. */

/** `rule` names what is broken, so that a shorter input can be known to break the same. */
export interface Fault {
  readonly rule: string;
  readonly detail: string;
}

/** undefined where all is as documented. */
export function faultOf(conversation: Conversation, transcript: Transcript): Fault | undefined {
  const { fault, replies, isPartial } = transcript;
  if (fault !== undefined) return { rule: 'what comes back is not HTTP', detail: fault };
  for (const [index, reply] of replies.entries()) {
    const found = faultOfReply(reply, conversation.requests?.[index], conversation.requests === undefined);
    if (found) return found;
  }
  if (transcript.timedOut) return { rule: 'no end in time', detail: `${String(replies.length)} replies` };
  if (conversation.ending === 'cut' || conversation.ending === 'reset') return undefined;
  return conversation.requests ? faultOfCount(conversation.requests, transcript, isPartial) : undefined;
}

/**
 * Every sound request is answered once, unless the server said that it closes. Where it closed while more was on its way,
 * the reset that answers this may take with it what this side has not read yet.
 */
function faultOfCount(
  requests: readonly RequestLine[],
  { replies, stoppedEarly, wasReset }: Transcript,
  isPartial: boolean,
): Fault | undefined {
  if (wasReset && replies.length <= requests.length) return undefined;
  const counts = `${String(replies.length)} replies to ${String(requests.length)} requests`;
  if (isPartial) return { rule: 'a reply breaks off', detail: counts };
  if (replies.length > requests.length) return { rule: 'more replies than requests', detail: counts };
  const announced = replies.at(-1)?.headers.get('connection') === 'close';
  if (replies.length === requests.length || announced || (stoppedEarly && replies.length > 0))
    return undefined;
  return { rule: 'a request is not answered', detail: counts };
}

/** `request` undefined: it is not known which, or, where `any` is not set, there should have been no reply. */
function faultOfReply(reply: HttpReply, request: RequestLine | undefined, any: boolean): Fault | undefined {
  if (request?.method === 'HEAD') return faultOfHead(reply, routesOf(request));
  const routes = request ? routesOf(request) : any ? ROUTES : [];
  const isJson = reply.headers.get('content-type')?.startsWith('application/json') === true;
  const json = isJson ? parsed(reply.body) : undefined;
  const error = errorReplySchema.safeParse(json);
  if (error.success) return faultOfError(reply, error.data.error, routes);
  return faultOfSuccess(reply, json, routes);
}

type SentError = ReturnType<typeof errorReplySchema.parse>['error'];

function faultOfError(
  reply: HttpReply,
  { code, outcome, message }: SentError,
  routes: readonly Route[],
): Fault | undefined {
  const kind = ERRORS[code];
  const text = reply.body.toString('utf8').slice(0, 500);
  if (code === 'internal') return { rule: 'an internal fault', detail: text };
  if (kind.status !== reply.status) return undocumented(reply);
  if (message !== kind.message) return { rule: 'an error with another message', detail: text };
  if (kind.outcome !== 'either' && kind.outcome !== outcome) return undocumented(reply);
  if ((reply.status === 503) !== reply.headers.has('retry-after')) return undocumented(reply);
  if ((reply.status === 405) !== reply.headers.has('allow')) return undocumented(reply);
  const listed = routes.some((route) => route.errors.includes(code)) || isGeneral(code);
  return listed ? undefined : undocumented(reply);
}

/** What is no operation's own. */
function isGeneral(code: ErrorCode): boolean {
  return code === 'unknown_path' || code === 'method_not_allowed' || code === 'malformed_request';
}

function faultOfSuccess(reply: HttpReply, json: unknown, routes: readonly Route[]): Fault | undefined {
  const type = reply.headers.get('content-type') ?? '';
  const described = routes.some((route) => {
    const shape = route.replies[reply.status];
    if (shape === undefined || !type.startsWith(shape.type)) return false;
    return bodiesOf(shape.type, reply.body, json).every((body) => shape.schema.safeParse(body).success);
  });
  return described ? undefined : undocumented(reply);
}

function bodiesOf(type: string, body: Buffer, json: unknown): unknown[] {
  const text = body.toString('utf8');
  if (type === 'application/json') return [json];
  if (type !== 'application/x-ndjson') return [text];
  return text
    .split('\n')
    .slice(0, -1)
    .map((each) => parsed(Buffer.from(each)));
}

/** Only the head can be judged. */
function faultOfHead(reply: HttpReply, routes: readonly Route[]): Fault | undefined {
  const statuses = routes.flatMap((route) => [
    ...Object.keys(route.replies).map(Number),
    ...route.errors.filter((code) => code !== 'internal').map((code) => ERRORS[code].status),
  ]);
  const known = [...statuses, ERRORS.unknown_path.status, ERRORS.method_not_allowed.status];
  return known.includes(reply.status) ? undefined : undocumented(reply);
}

/** Operations that the request may mean; none where its method or path has none. */
function routesOf({ method, target }: RequestLine): readonly Route[] {
  const wanted = method === 'HEAD' ? 'get' : method.toLowerCase();
  const path = target.replace(/^https?:\/\/[^/?]*/i, '').split(/[?#]/)[0] ?? '';
  const template = path.startsWith('/storage/') ? '/storage/{key}' : path;
  return ROUTES.filter((route) => route.path === template && route.method === wanted);
}

function undocumented(reply: HttpReply): Fault {
  const { status, headers, body } = reply;
  const head = `${String(status)} ${JSON.stringify([...headers])}`;
  return { rule: 'an undocumented reply', detail: `${head} ${body.toString('utf8').slice(0, 500)}` };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
