/**
 * What happened, as one hash over every event in order (two runs of a seed are the same exactly if their hashes are) and,
 * where somebody wants to read it, as lines.
 */
export interface Trace {
  /** Adds an event; `bytes` is what it carried. */
  event(atMs: number, name: string, bytes?: Uint8Array): void;
  /** Adds a line for people. `text` is only called where lines are kept, and must not change anything. */
  tell(atMs: number, text: () => string): void;
  hash(): string;
  readonly lines: readonly string[];
}

const LINES_MAX = 20_000;

export function createTrace(keepsLines: boolean): Trace {
  let a = 0x811c9dc5;
  let b = 0x1000193;
  const lines: string[] = [];
  const add = (code: number): void => {
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b + code, 0x85ebca6b) ^ (b >>> 13);
  };
  return {
    event: (atMs, name, bytes) => {
      const micros = Math.round(atMs * 1000);
      add(micros | 0);
      add(Math.floor(micros / 2 ** 32));
      for (let i = 0; i < name.length; i++) add(name.charCodeAt(i));
      if (bytes) for (const byte of bytes) add(byte);
    },
    tell: (atMs, text) => {
      if (keepsLines && lines.length < LINES_MAX) lines.push(`${atMs.toFixed(3).padStart(11)}  ${text()}`);
    },
    hash: () => [a, b].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join(''),
    lines,
  };
}
