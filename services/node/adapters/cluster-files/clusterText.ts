import { VERSION_KEY_BYTES } from '../../core/protocol/membershipMessages.js';
import { validateDocument } from '../../core/ring/document.js';
import type { Cluster } from '../../core/types.js';

/** The document and the key of versions as the text of their file; one line, since a large one has many numbers. */
export function clusterText({ document, versionKey }: Cluster): string {
  return `${JSON.stringify({ document, versionKey: Buffer.from(versionKey).toString('base64') })}\n`;
}

/** Throws an Error that says what is wrong where the text is no cluster. */
export function clusterOf(text: string): Cluster {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('it is not a JSON object');
  const { document, versionKey } = value as { readonly document?: unknown; readonly versionKey?: unknown };
  const key = typeof versionKey === 'string' ? Buffer.from(versionKey, 'base64') : Buffer.alloc(0);
  if (key.length !== VERSION_KEY_BYTES) throw new Error('versionKey must be 32 bytes of base64');
  return { document: validateDocument(document), versionKey: new Uint8Array(key) };
}
