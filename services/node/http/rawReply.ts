import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERRORS, requestError } from '../core/errors.js';
import type { ErrorCode } from '../core/errors.js';
import { errorJson } from './replies.js';

/**
 * Answers on the socket itself, where there is no request to answer: what came was not HTTP, too long, or too slow.
 * The connection closes afterwards, because nobody can tell where a next request would begin; what still comes is thrown
 * away for at most `lingerMs`, because closing over unread bytes would take the answer with it.
 */
export function replyRaw(socket: Duplex, code: ErrorCode, lingerMs: number): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = errorJson(requestError(code));
  const { status } = ERRORS[code];
  const head = [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    'Connection: close',
    // Nothing is allowed there (RFC 9110 §10.2.1).
    ...(status === 405 ? ['Allow:'] : []),
  ];
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.resume();
}

/** What a failure of the parser, under its Node.js error code, is to the client. */
export function parserErrorCode(nodeCode: string | undefined): ErrorCode {
  switch (nodeCode) {
    case 'HPE_HEADER_OVERFLOW':
      return 'headers_too_large';
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout';
    default:
      return 'malformed_request';
  }
}
