import { LIMITS } from '../core/types.js';

/** Bounds of the HTTP edge (I14) and the waits that it allows (I11). */
export interface HttpLimits {
  /** Storage requests that may be live at once; one more is answered 503. */
  readonly requestsMax: number;
  /** Bytes of request and response bodies that may be held at once; a request over it is answered 503. */
  readonly bytesMax: number;
  /** Open connections; one more is closed at once. */
  readonly connectionsMax: number;
  /** Dumps that may run at once: each walks the whole database. */
  readonly dumpsMax: number;
  /** Time for the request line and headers, from the opening of the connection or the first byte after a reply. */
  readonly headersMs: number;
  /** Time for the whole request, body included. */
  readonly requestMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
  /** How long a client may leave a reply unread, without one byte of progress. */
  readonly stalledMs: number;
  /** How often the two times above are checked: a connection lives at most this much longer. */
  readonly checkMs: number;
  /** How long the rest of a body that nobody wants is read and thrown away, so that the client gets to see the reply. */
  readonly lingerMs: number;
  /** How long `close` lets live requests finish before it cuts them off. */
  readonly drainMs: number;
  /** How long `/check_connectivity` waits for a node. */
  readonly probeMs: number;
  /** How long `/internal/dump/all` waits for the next bytes of another node. */
  readonly dumpSilenceMs: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  requestsMax: 2000,
  bytesMax: 256 * 1024 * 1024,
  connectionsMax: 4096,
  dumpsMax: 4,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 60_000,
  stalledMs: 60_000,
  checkMs: 1000,
  lingerMs: 1000,
  drainMs: 5000,
  probeMs: 1000,
  dumpSilenceMs: 5000,
};

/**
 * Room for a DELETE at its largest: a key of 4096 bytes in base64, each character percent-encoded, beside a version of
 * 8192 characters. Longer ones are answered 431.
 */
export const HEADER_BYTES_MAX = 32 * 1024;

/**
 * Largest body that is read: the largest value in base64, a sixteenth more for JSON writers that escape the slash, and
 * room for the other fields.
 */
export function bodyBytesMax(valueBytesMax: number): number {
  const encoded = Math.ceil(valueBytesMax / 3) * 4;
  return encoded + Math.ceil(encoded / 16) + 4 * LIMITS.keyBytesMax + LIMITS.versionCharsMax + 4096;
}
