/**
 * Cuts what a server sends into replies, and takes nothing on trust: a byte that HTTP does not have in that place is a
 * fault. HTTP/1.1 as RFC 9112 has it, with bodies by length, in chunks, or up to the end.
 */
export interface HttpReply {
  readonly status: number;
  /** By name in lower case; a name that came twice is a fault but for `set-cookie`, which nobody sends here. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface ReplyReader {
  /** Final replies so far. */
  readonly replies: readonly HttpReply[];
  /** `100 Continue`s so far. */
  interim(): number;
  feed(data: Buffer): void;
  /** The server has closed. */
  end(): void;
  /** What was not HTTP. */
  fault(): string | undefined;
  /** Whether a reply has begun and not ended. */
  isPartial(): boolean;
}

interface Head {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly length: number;
}

const HEAD_BYTES_MAX = 16 * 1024;
const STATUS_LINE = /^HTTP\/1\.1 ([1-5][0-9][0-9]) [\x20-\x7e]*$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e]*)$/;
const CHUNK_LINE = /^[0-9a-fA-F]{1,8}$/;

/** `methodOf`: of the request that the n-th final reply answers; a reply to HEAD has no body. */
export function createReplyReader(methodOf: (reply: number) => string): ReplyReader {
  const replies: HttpReply[] = [];
  let pending: Buffer = Buffer.alloc(0);
  let interim = 0;
  let fault: string | undefined;

  /** Takes one whole reply off the front; false where there is none. */
  function take(ended: boolean): boolean {
    const head = readHead(pending);
    if (!head) return false;
    if (head.status < 200) {
      if (head.status !== 100) throw new Error(`an interim reply ${String(head.status)}`);
      interim++;
      pending = pending.subarray(head.length);
      return true;
    }
    const rest = pending.subarray(head.length);
    const found =
      methodOf(replies.length) === 'HEAD' ? { body: NOTHING, length: 0 } : readBody(head, rest, ended);
    if (!found) return false;
    replies.push({ status: head.status, headers: head.headers, body: found.body });
    pending = rest.subarray(found.length);
    return true;
  }

  function advance(ended: boolean): void {
    if (fault !== undefined) return;
    try {
      while (pending.length > 0 && take(ended));
    } catch (error) {
      fault = `${error instanceof Error ? error.message : String(error)}: ${excerpt(pending)}`;
    }
  }

  return {
    replies,
    interim: () => interim,
    fault: () => fault,
    isPartial: () => fault === undefined && pending.length > 0,
    feed: (data) => {
      pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
      advance(false);
    },
    end: () => advance(true),
  };
}

const NOTHING = Buffer.alloc(0);

function readHead(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) {
    const start = bytes.subarray(0, 9).toString('latin1');
    if (!'HTTP/1.1 '.startsWith(start)) throw new Error('not a reply');
    if (bytes.length > HEAD_BYTES_MAX) throw new Error('an endless head');
    return undefined;
  }
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = STATUS_LINE.exec(statusLine)?.[1];
  if (status === undefined) throw new Error('a malformed status line');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = HEADER_LINE.exec(line) ?? [];
    if (name === '') throw new Error('a malformed header line');
    if (headers.has(name.toLowerCase())) throw new Error(`the header ${name} twice`);
    headers.set(name.toLowerCase(), value.trim());
  }
  return { status: Number(status), headers, length: end + 4 };
}

interface Body {
  readonly body: Buffer;
  readonly length: number;
}

function readBody({ headers }: Head, rest: Buffer, ended: boolean): Body | undefined {
  const length = headers.get('content-length');
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined) {
    if (coding !== 'chunked' || length !== undefined) throw new Error('a body of no definite length');
    return readChunks(rest);
  }
  if (length === undefined) {
    if (headers.get('connection') !== 'close') throw new Error('a body without an end');
    return ended ? { body: rest, length: rest.length } : undefined;
  }
  if (!/^\d{1,12}$/.test(length)) throw new Error('a malformed Content-Length');
  return rest.length < Number(length)
    ? undefined
    : { body: rest.subarray(0, Number(length)), length: Number(length) };
}

function readChunks(rest: Buffer): Body | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const line = rest.subarray(at, lineEnd).toString('latin1');
    if (!CHUNK_LINE.test(line)) throw new Error('a malformed chunk');
    const start = lineEnd + 2;
    const end = start + parseInt(line, 16);
    if (rest.length < end + 2) return undefined;
    if (rest.subarray(end, end + 2).toString('latin1') !== '\r\n')
      throw new Error('a chunk that does not end');
    if (end === start) return { body: Buffer.concat(parts), length: end + 2 };
    parts.push(rest.subarray(start, end));
    at = end + 2;
  }
}

function excerpt(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 200).toString('latin1'));
}
