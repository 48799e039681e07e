import { VERSION_KEY_BYTES } from '../protocol/membershipMessages.js';
import type { Cluster } from '../types.js';
import { fromBase64url, toBase64url } from '../versioning/base64url.js';
import { documentOf, documentText } from './documentText.js';

/**
 * What the store holds of a cluster: its document, and the key of versions beside it, so that a node that is listed needs
 * nobody else to become part of it, also when whoever founded the cluster is gone (R8).
 */

const FORMAT = 1;

export function storedText({ document, versionKey }: Cluster): string {
  const key = JSON.stringify(toBase64url(versionKey));
  return `{"format":${String(FORMAT)},"versionKey":${key},"document":${documentText(document)}}`;
}

/** undefined where the text is none: anybody who may write to the store may write anything. */
export function storedCluster(text: string): Cluster | undefined {
  const value = parsed(text);
  if (value?.['format'] !== FORMAT) return undefined;
  const { versionKey, document } = value;
  const key = typeof versionKey === 'string' ? fromBase64url(versionKey) : undefined;
  const known = documentOf(document === undefined ? '' : JSON.stringify(document));
  return known && key?.length === VERSION_KEY_BYTES ? { document: known, versionKey: key } : undefined;
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
