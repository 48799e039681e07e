import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

const WAIT_MS_MAX = 10 * 60_000;
const POLL_MS = 100;
const SAY_AFTER_MS = 2_000;

/**
 * Runs `task` while no other process does the same in this folder. The lock is a directory that holds one file, named
 * after the pid of its holder. It appears by a rename, so it is never seen without that file, except when its holder
 * died while letting go, and an empty directory is simply renamed over. A dead holder's lock is taken over by removing
 * that very file: two that try at once cannot remove the new lock of the quicker one.
 *
 * @template T
 * @param {string} root
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
export async function withLock(root, task) {
  const folder = path.join(root, 'dist');
  mkdirSync(folder, { recursive: true });
  const lock = path.join(folder, '.prepare-lock');
  await acquire(folder, lock);
  try {
    return await task();
  } finally {
    release(lock, process.pid);
  }
}

async function acquire(folder, lock) {
  const startedAt = Date.now();
  let said = false;
  while (!tryAcquire(folder, lock)) {
    const holder = holderOf(lock);
    if (holder !== undefined && !isAlive(holder)) {
      release(lock, holder);
      continue;
    }
    const waitedMs = Date.now() - startedAt;
    if (waitedMs > WAIT_MS_MAX) {
      throw new Error(`another prepare (pid ${holder}) has not finished; if there is none, remove ${lock}`);
    }
    if (waitedMs > SAY_AFTER_MS && !said) {
      said = true;
      process.stderr.write(`Waiting for another prepare (pid ${holder}) ...\n`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function tryAcquire(folder, lock) {
  const fresh = mkdtempSync(path.join(folder, '.prepare-lock-'));
  try {
    writeFileSync(path.join(fresh, String(process.pid)), '');
    renameSync(fresh, lock);
    return true;
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code)) return false;
    throw error;
  }
}

/** The pid in the lock; undefined where the lock is gone or is just being let go. */
function holderOf(lock) {
  try {
    const pid = Number(readdirSync(lock)[0]);
    return Number.isInteger(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Lets go of the lock if `pid` holds it; does nothing to anybody else's. */
function release(lock, pid) {
  try {
    unlinkSync(path.join(lock, String(pid)));
    rmdirSync(lock);
  } catch {
    // Gone already, or somebody else's by now.
  }
}
