/**
 * Why a data directory cannot be opened, in one line that says what to do. Nothing is repaired in place: LevelDB's repair
 * can return wrong values. What is damaged is set aside (setAside.ts), and ends as an error only where that is impossible.
 */
export type StorageErrorCode =
  'storage_locked' | 'storage_unwritable' | 'storage_damaged' | 'storage_mismatch';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  /** With storage_damaged: what was found. */
  readonly damage: string | undefined;

  constructor(code: StorageErrorCode, message: string, details: { cause?: unknown; damage?: string } = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.damage = details.damage;
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: 'it may not be written by this user; change its owner or permissions',
  EPERM: 'it may not be written by this user; change its owner or permissions',
  EROFS: 'its file system is read-only; choose another directory or remount it',
  ENOSPC: 'its disk is full; make room or choose another directory',
  EDQUOT: 'the disk quota is used up; make room or choose another directory',
  ENOTDIR: 'it, or a part of its path, is not a directory; choose another one',
  EEXIST: 'it is not a directory; choose another one',
};

/** LevelDB reports the operating system's errors by their text only. */
const LEVEL_TEXTS: readonly (readonly [text: string, code: string])[] = [
  ['Permission denied', 'EACCES'],
  ['Operation not permitted', 'EPERM'],
  ['Read-only file system', 'EROFS'],
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
];

export function unwritable(directory: string, cause: unknown): StorageError {
  const message = `Cannot store data in ${directory}: ${reasonOf(cause)}.`;
  return new StorageError('storage_unwritable', message, { cause });
}

const MOVE_AWAY =
  'move the directory away and start again with an empty one, and the other nodes will supply the data';

export function damaged(directory: string, what: string, cause?: unknown): StorageError {
  return damagedAnd(directory, what, MOVE_AWAY, cause);
}

/** The directory is damaged, and `error` keeps it from being set aside. */
export function immovable(directory: string, what: string, error: unknown): StorageError {
  const why = `${what}) and cannot be set aside (${reasonOf(error)}`;
  return damagedAnd(directory, why, MOVE_AWAY, error);
}

/** The directory is damaged, and disks are finite. */
export function tooManyAside(directory: string, what: string, aside: readonly string[]): StorageError {
  const advice = `${aside.length} damaged directories are kept already (${aside.join(', ')})`;
  return damagedAnd(directory, what, `${advice}; delete those that nobody needs, and start again`);
}

function damagedAnd(directory: string, what: string, advice: string, cause?: unknown): StorageError {
  const message = `The data in ${directory} is damaged (${what}): ${advice}.`;
  return new StorageError('storage_damaged', message, { cause, damage: what });
}

function reasonOf(cause: unknown): string {
  const code = textOf(cause, 'code');
  return REFUSALS[code] ?? `the operating system says ${code || textOf(cause, 'message')}`;
}

export function mismatch(directory: string, what: string): StorageError {
  return new StorageError('storage_mismatch', `The directory ${directory} ${what}.`);
}

/** Says what LevelDB's refusal to open means; only what LevelDB itself calls corruption is damage. */
export function openFailure(directory: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (textOf(cause, 'code') === 'LEVEL_LOCKED') return locked(directory, cause);
  const message = textOf(cause, 'message');
  if (isCorruption(cause)) return damaged(directory, message, cause);
  const refusal = LEVEL_TEXTS.find(([text]) => message.includes(text))?.[1];
  const code = textOf(cause, 'code');
  return unwritable(directory, { code: refusal ?? (code.startsWith('LEVEL_') ? '' : code), message });
}

/** Whether LevelDB itself found a block of its files damaged. */
export function isCorruption(error: unknown): boolean {
  return textOf(error, 'code') === 'LEVEL_CORRUPTION';
}

/** Whether the operating system knows no such file. */
export function isMissing(error: unknown): boolean {
  return textOf(error, 'code') === 'ENOENT';
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function locked(directory: string, cause: unknown): StorageError {
  const message = `The data in ${directory} is in use by another process; stop that one or choose another directory.`;
  return new StorageError('storage_locked', message, { cause });
}

function textOf(error: unknown, property: 'code' | 'message'): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, property);
  return typeof value === 'string' ? value : '';
}
