import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run, withProgress } from './child.mjs';

const hashFile = (root) => path.join(root, 'node_modules/.rondo-lock-hash');

/** Identifies the packages that the lock file asks for. */
export function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
}

/**
 * Whether node_modules/ is not what package-lock.json asks for. Where somebody else ran npm, its own record of what it
 * installed is compared, so that packages that fit are not installed a second time.
 *
 * @param {string} root
 */
export function isInstallStale(root) {
  const wanted = lockHash(root);
  if (readIfThere(hashFile(root)) === wanted) return false;
  if (!matchesInstalled(root)) return true;
  writeFileSync(hashFile(root), wanted);
  return false;
}

/**
 * Runs `npm ci`, whose output is shown only when it fails.
 *
 * @param {string} root
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function install(root) {
  const wanted = lockHash(root);
  const result = await withProgress(
    'Installing packages',
    run('npm', ['ci', '--include=dev'], { cwd: root }),
  );
  if (!result.ok) {
    process.stderr.write(`${result.output}\nprepare: npm ci failed; see above.\n`);
    return false;
  }
  writeFileSync(hashFile(root), wanted);
  return true;
}

/** Optional packages may be absent: most of them are for other platforms. */
function matchesInstalled(root) {
  const text = readIfThere(path.join(root, 'node_modules/.package-lock.json'));
  if (text === undefined) return false;
  const installed = JSON.parse(text).packages;
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const fits = ([name, entry]) => name === '' || installed[name]?.version === entry.version;
  const known = (name) => wanted[name] !== undefined && existsSync(path.join(root, name));
  return (
    Object.entries(wanted).every((pair) => (pair[1].optional && !installed[pair[0]]) || fits(pair)) &&
    Object.keys(installed).every(known)
  );
}

function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
