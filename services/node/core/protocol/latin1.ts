/** Strings of one byte a character, made from bytes: every key and actor of every message comes through here. */

/** Arguments of one call. */
const CHUNK = 4096;

export function latin1Of(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let from = start; from < end; from += CHUNK) {
    const length = Math.min(CHUNK, end - from);
    // Spread from a plain array: a third of the time that it takes from the bytes themselves.
    const codes = new Array<number>(length);
    for (let i = 0; i < length; i++) codes[i] = bytes[from + i] ?? 0;
    text += String.fromCharCode(...codes);
  }
  return text;
}

/** What was made last, each string in the place that its bytes lead to; a newer one there takes the place. */
const recent = new Array<string>(256).fill('');
const RECENT_CHARS_MAX = 64;

/** As {@link latin1Of}; for strings that are likely to have been made before, and then are not made again. */
export function recurringLatin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > RECENT_CHARS_MAX) return latin1Of(bytes, start, end);
  const place = placeOf(bytes, start, end);
  const known = recent[place] ?? '';
  if (holds(bytes, start, end, known)) return known;
  const made = latin1Of(bytes, start, end);
  recent[place] = made;
  return made;
}

function holds(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Names of one cluster differ at their ends, random ones anywhere. */
function placeOf(bytes: Uint8Array, start: number, end: number): number {
  const at = (offset: number) => (offset >= start ? (bytes[offset] ?? 0) : 0);
  const mixed = at(end - 1) + 31 * at(end - 2) + 61 * at(end - 3) + 97 * at(start) + 13 * (end - start);
  return mixed % recent.length;
}
