import type { IncomingMessage } from 'node:http';

/** What goes on with a body that is being read. */
export interface BodyReader {
  /** Whether so many further bytes may be kept; once false, nothing more is called. */
  accept(bytes: number): boolean;
  /** Everything has arrived. */
  complete(body: Buffer): void;
}

/**
 * Reads a body chunk by chunk. A client that hangs up ends it silently: the connection's closing tells the exchange.
 */
export function readBody(request: IncomingMessage, reader: BodyReader): void {
  const chunks: Buffer[] = [];
  const onData = (chunk: Buffer): void => {
    if (reader.accept(chunk.length)) {
      chunks.push(chunk);
      return;
    }
    chunks.length = 0;
    request.off('data', onData).off('end', onEnd);
  };
  const onEnd = (): void => {
    const first = chunks[0];
    reader.complete(first && chunks.length === 1 ? first : Buffer.concat(chunks));
  };
  request.on('data', onData).on('end', onEnd);
}

/** Whether the request announces a body of at least one byte. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0);
}
