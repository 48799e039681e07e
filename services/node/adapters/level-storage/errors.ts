/**
 * Why a data directory cannot be opened, in one line that says what to do. Nothing is repaired in place: LevelDB's repair
 * can return wrong values, so that damaged data is set aside and fetched from the other nodes instead.
 */
export type StorageErrorCode =
  'storage_locked' | 'storage_unwritable' | 'storage_damaged' | 'storage_mismatch';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
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
  const code = textOf(cause, 'code');
  const reason = REFUSALS[code] ?? `the operating system says ${code || textOf(cause, 'message')}`;
  return new StorageError('storage_unwritable', `Cannot store data in ${directory}: ${reason}.`, cause);
}

export function damaged(directory: string, what: string, cause?: unknown): StorageError {
  const advice =
    'move the directory away and start again with an empty one, and the other nodes will supply the data';
  return new StorageError(
    'storage_damaged',
    `The data in ${directory} is damaged (${what}): ${advice}.`,
    cause,
  );
}

export function mismatch(directory: string, what: string): StorageError {
  return new StorageError('storage_mismatch', `The directory ${directory} ${what}.`);
}

/** Says what LevelDB's refusal to open means; what is not about permissions, space or a lock is damage. */
export function openFailure(directory: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (textOf(cause, 'code') === 'LEVEL_LOCKED') return locked(directory, cause);
  const message = textOf(cause, 'message');
  const refusal = LEVEL_TEXTS.find(([text]) => message.includes(text));
  if (refusal) return unwritable(directory, { code: refusal[1], message });
  return damaged(directory, message, cause);
}

/** Whether LevelDB itself found a block of its files damaged. */
export function isCorruption(error: unknown): boolean {
  return textOf(error, 'code') === 'LEVEL_CORRUPTION';
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function locked(directory: string, cause: unknown): StorageError {
  const message = `The data in ${directory} is in use by another process; stop that one or choose another directory.`;
  return new StorageError('storage_locked', message, cause);
}

function textOf(error: unknown, property: 'code' | 'message'): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, property);
  return typeof value === 'string' ? value : '';
}
