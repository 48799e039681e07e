import { DOCUMENT_CHARS_MAX } from '../protocol/membershipMessages.js';
import { validateDocument } from '../ring/document.js';
import type { ClusterDocument } from '../types.js';

/** The document as it travels. Equal documents have equal texts: validation puts the fields in order. */
export function documentText(document: ClusterDocument): string {
  return JSON.stringify(validateDocument(document));
}

/** undefined where the text is no sound document: another node may send anything. */
export function documentOf(text: string): ClusterDocument | undefined {
  if (text.length > DOCUMENT_CHARS_MAX) return undefined;
  try {
    return validateDocument(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Whether others could be told of it. */
export function fitsMessage(text: string): boolean {
  return text.length <= DOCUMENT_CHARS_MAX;
}
