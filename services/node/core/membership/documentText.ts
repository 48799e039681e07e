import { DOCUMENT_CHARS_MAX } from '../protocol/membershipMessages.js';
import { validateDocument } from '../ring/document.js';
import type { ClusterDocument } from '../types.js';

/** Documents never change, and the same one is sent and compared again and again. */
const texts = new WeakMap<ClusterDocument, string>();

/**
 * The document as it travels. Equal documents have equal texts: validation puts the fields in order. Throws where the
 * document is not sound.
 */
export function documentText(document: ClusterDocument): string {
  const known = texts.get(document);
  if (known !== undefined) return known;
  const text = JSON.stringify(validateDocument(document));
  texts.set(document, text);
  return text;
}

/** undefined where the text is no sound document: another node may send anything. */
export function documentOf(text: string): ClusterDocument | undefined {
  if (text.length > DOCUMENT_CHARS_MAX) return undefined;
  try {
    const document = validateDocument(JSON.parse(text));
    texts.set(document, JSON.stringify(document));
    return document;
  } catch {
    return undefined;
  }
}

/** Whether others could be told of it. */
export function fitsMessage(text: string): boolean {
  return text.length <= DOCUMENT_CHARS_MAX;
}
