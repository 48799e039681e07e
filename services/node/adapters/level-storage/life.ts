import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from './errors.js';
import { syncDirectory } from './syncDirectory.js';

/**
 * A file in the directory that is there while the database is open, and so tells the next life how the last one ended.
 *
 * LevelDB ends the whole process where its assertions meet some kinds of damage in a table. The node would be started
 * again, and end again, for ever. So after two lives in a row that ended within a minute and not in order, every block of
 * every table is verified before the third; and once is enough, until a life lasts, so that whoever kills sound nodes again
 * and again pays for it once. The same is done after LevelDB has reported damage in the middle of a life.
 */
export interface Life {
  /** Why all tables are to be verified before the database is opened; undefined where they need not be. */
  readonly doubt: string | undefined;
  /** They were, and are sound. */
  trust(): void;
  /** Before LevelDB is let in, since that alone may be the end. */
  begin(): Promise<void>;
  /** The directory was refused in order, and is as it was. */
  undo(): Promise<void>;
  /** Makes the next life verify the tables, however this one ends. */
  suspect(): void;
  /** The database is closed. */
  end(): Promise<void>;
}

interface State {
  /** Lives in a row, up to and with this one, that are not known to have ended in order or lasted. */
  readonly shortLives: number;
  /** The tables were verified in this row. */
  readonly verified: boolean;
  readonly suspect: boolean;
}

const FILE = 'life.json';
const TEMPORARY_FILE = 'life.json.tmp';
const SHORT_LIFE_MS = 60_000;
const SHORT_LIVES_MAX = 2;
const AT_REST: State = { shortLives: 0, verified: false, suspect: false };

export function isLifeFile(name: string): boolean {
  return name === FILE || name === TEMPORARY_FILE;
}

/** Rejects with the system's error. */
export async function readLife(directory: string, shortLifeMs = SHORT_LIFE_MS): Promise<Life> {
  const before = await readState(directory);
  let state = before ?? AT_REST;
  let written = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const keep = (next: State | undefined): Promise<void> => {
    if (next) state = next;
    return (written = written.catch(() => undefined).then(() => writeState(directory, next)));
  };
  // Where the disk refuses, the next life is told less, and perhaps verifies in vain.
  const keepIfPossible = (next: State): void => void keep(next).catch(() => undefined);
  return {
    doubt: doubtOf(state),
    trust() {
      state = { ...state, verified: true, suspect: false };
    },
    async begin() {
      await keep({ ...state, shortLives: state.shortLives + 1 });
      const last = (): void => keepIfPossible({ ...AT_REST, suspect: state.suspect });
      timer = setTimeout(last, shortLifeMs).unref();
    },
    async undo() {
      clearTimeout(timer);
      await keep(before);
    },
    suspect() {
      if (!state.suspect) keepIfPossible({ ...state, suspect: true });
    },
    async end() {
      clearTimeout(timer);
      await keep(state.suspect ? { ...AT_REST, suspect: true } : undefined);
    },
  };
}

function doubtOf({ shortLives, verified, suspect }: State): string | undefined {
  if (suspect) return 'LevelDB found a file of its own damaged';
  if (shortLives >= SHORT_LIVES_MAX && !verified) {
    return `the last ${shortLives} lives of this node ended early and not in order`;
  }
  return undefined;
}

/** What cannot be read says that something is wrong. */
async function readState(directory: string): Promise<State | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(directory, FILE), 'utf8'));
    const { shortLives, verified, suspect } = (value ?? {}) as Partial<State>;
    if (shortLives !== undefined && Number.isSafeInteger(shortLives)) {
      return { shortLives, verified: verified === true, suspect: suspect !== false };
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { ...AT_REST, suspect: true };
}

/** Replaces the file, so that it is never half there, or removes it. */
async function writeState(directory: string, state: State | undefined): Promise<void> {
  const path = join(directory, FILE);
  if (!state) {
    await rm(path, { force: true });
    return;
  }
  const temporary = join(directory, TEMPORARY_FILE);
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(JSON.stringify(state));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncDirectory(directory);
}
