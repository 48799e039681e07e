/** What is asked of every subject, and the text of the requests; both load generators send the same bytes. */

export const REQUEST_KINDS = ['get', 'put'] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

/** `{key}` and `{value}` stand for base64 of fixed length that needs no escaping, neither in a path nor in JSON. */
export interface RequestShape {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

/** Which key a request names: any of the numbers 1 to `count`, or each the next one, so that none comes twice. */
export type KeyChoice =
  | { readonly type: 'random'; readonly prefix: string; readonly count: number }
  | { readonly type: 'sequence'; readonly prefix: string; readonly first: number };

/** A piece of a request's text. */
export type Piece = { readonly text: string } | { readonly fill: 'key' | 'value' };

/** Characters of a key in base64: a prefix and a number of 8 digits each, 12 bytes together. */
export const KEY_CHARS = 16;
export const PREFIX_CHARS = 8;

export const VALUE_BYTES = 102;

/** 102 bytes are a multiple of three: base64 without padding. */
export const VALUE_CHARS = (VALUE_BYTES / 3) * 4;

/** The keys that a GET asks for, and that are stored before it. */
export const STORED_PREFIX = 'benchget';

/** `phase`: a letter that no other phase of the same data has; `loader`: the number of the load process. */
export function freshPrefix(phase: string, loader: number): string {
  return `put${phase}${String(loader).padStart(PREFIX_CHARS - 4, '0')}`;
}

export function keyText(prefix: string, number: number): string {
  return `${prefix}${String(number).padStart(KEY_CHARS - PREFIX_CHARS, '0')}`;
}

/** The whole HTTP/1.1 request, cut where a key or a value goes in. */
export function piecesOf(shape: RequestShape, host: string): readonly Piece[] {
  const { method, path, body } = shape;
  const head = [`${method} ${path} HTTP/1.1`, `Host: ${host}`];
  if (body !== undefined) {
    head.push('Content-Type: application/json', `Content-Length: ${String(filledLength(body))}`);
  }
  return `${head.join('\r\n')}\r\n\r\n${body ?? ''}`
    .split(/(\{key\}|\{value\})/)
    .filter((part) => part !== '')
    .map((part) => {
      if (part === '{key}') return { fill: 'key' };
      return part === '{value}' ? { fill: 'value' } : { text: part };
    });
}

function filledLength(body: string): number {
  const filled = body
    .replaceAll('{key}', '0'.repeat(KEY_CHARS))
    .replaceAll('{value}', '0'.repeat(VALUE_CHARS));
  return Buffer.byteLength(filled);
}
