import { access, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder, writeTextDurably } from '../../durableFile.js';
import type { Log } from '../../ports/telemetry.js';

/** One small file that is replaced as a whole, one replacement after the other. */
export interface KeptFile<T> {
  /** What it held when it was opened; undefined where there was none, or it was damaged. */
  readonly found: T | undefined;
  /** Calls `done` exactly once, later: it is durable, or this stopped it and either may be there. Never throws. */
  replace(text: () => string, done: (error?: Error) => void): void;
  /** Resolves when nothing is on its way to the disk. */
  idle(): Promise<void>;
}

/** More may not lie beside a file; disks are finite. */
const SET_ASIDE_MAX = 1000;

/**
 * A file that `parse` refuses is set aside. What a crash left of a replacement (`….tmp`) was not told to anybody, and is
 * overwritten by the next. Rejects where the file is there and cannot be read.
 */
export async function openKeptFile<T>(
  path: string,
  parse: (text: string) => T,
  log: Log,
): Promise<KeptFile<T>> {
  const found = await read(path, parse, log);
  let last = Promise.resolve();
  return {
    found,
    replace: (text, done) => {
      const written = last.then(() => writeTextDurably(path, text()));
      last = written.then(
        () => {
          done();
        },
        (error: unknown) => {
          log.log('error', 'a file cannot be written', { path, error: messageOf(error) });
          done(error instanceof Error ? error : new Error(String(error)));
        },
      );
    },
    idle: async () => {
      let waitedFor: Promise<void> | undefined;
      while (waitedFor !== last) {
        waitedFor = last;
        await waitedFor;
      }
    },
  };
}

async function read<T>(path: string, parse: (text: string) => T, log: Log): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  try {
    return parse(text);
  } catch (error) {
    const keptAs = await setAside(path);
    log.log('error', 'a file is damaged: it is set aside and counts as lost', {
      ...{ path, keptAs, found: messageOf(error) },
    });
    return undefined;
  }
}

async function setAside(path: string): Promise<string> {
  for (let n = 1; n <= SET_ASIDE_MAX; n++) {
    const name = `${path}.damaged-${String(n)}`;
    if (await exists(name)) continue;
    await rename(path, name);
    await syncFolder(dirname(path));
    return name;
  }
  throw new Error(`${path} is damaged, and too many damaged ones lie beside it: remove them first.`);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
