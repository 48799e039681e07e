/** How numbers, bytes and names look to a person. Units are decimal: 1 MB is 10^6 bytes. */

/** Text from elsewhere without its control characters, which could steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, escaped);
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** A path kept as one character a byte, as a person reads it. */
export function pathText(path: string): string {
  return printable(Buffer.from(path, 'latin1').toString('utf8'));
}

/** 13245 → "13,245". */
export function count(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "1 file", "3 files". */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

export function byteCount(bytes: number): string {
  if (bytes < 1000) return counted(bytes, 'byte');
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${megabytes(bytes)} MB`;
}

/** 75_000 → "1:15", 3_700_000 → "1:01:40". */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const tail = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** At most `width` characters, the cut marked. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

export type Align = 'left' | 'right';

/** Rows under their headings, columns as wide as their widest cell, two spaces between. */
export function table(
  headings: readonly string[],
  align: readonly Align[],
  rows: readonly string[][],
): string[] {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, i) => padded(cell, widths[i] ?? 0, align[i]))
      .join('  ')
      .trimEnd(),
  );
}

function padded(cell: string, width: number, align: Align | undefined): string {
  return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
}
