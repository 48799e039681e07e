import { createInterface } from 'node:readline';

/** The terminal, as the commands see it; tests hand in their own. */
export interface Terminal {
  writeOut(data: string | Uint8Array): void;
  writeErr(text: string): void;
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
  readonly inIsTty: boolean;
  readonly columns: number;
  /** Everything on standard input; refuses more than `bytesMax`. */
  readIn(bytesMax: number): Promise<Buffer>;
  /** One line that a person types after the question. */
  ask(question: string): Promise<string>;
  /** Calls `listener` at Ctrl-C or SIGTERM until the returned function is called. */
  onInterrupt(listener: () => void): () => void;
}

export class InputTooLarge extends Error {
  override readonly name = 'InputTooLarge';
}

export function processTerminal(): Terminal {
  return {
    writeOut: (data) => void process.stdout.write(data),
    writeErr: (text) => void process.stderr.write(text),
    outIsTty: process.stdout.isTTY,
    errIsTty: process.stderr.isTTY,
    inIsTty: process.stdin.isTTY,
    get columns() {
      return process.stderr.columns || 80;
    },
    readIn,
    ask,
    onInterrupt,
  };
}

async function readIn(bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new InputTooLarge(`standard input is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string>((resolve) => {
      lines.once('close', () => {
        resolve('');
      });
      lines.question(question, resolve);
    });
  } finally {
    lines.close();
  }
}

function onInterrupt(listener: () => void): () => void {
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return () => {
    process.off('SIGINT', listener);
    process.off('SIGTERM', listener);
  };
}
