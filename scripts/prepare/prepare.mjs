import { fileURLToPath } from 'node:url';
import { build, isBuildStale } from './build.mjs';
import { install, isInstallStale } from './install.mjs';
import { withLock } from './lock.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Brings node_modules/ and dist/ up to date. What is stale is judged again under the lock: another `prepare` may have
 * done the work meanwhile.
 *
 * @param {{ installOnly: boolean }} options
 * @returns {Promise<number>} the exit code
 */
export async function prepare({ installOnly }) {
  const isStale = () => isInstallStale(ROOT) || (!installOnly && isBuildStale(ROOT));
  if (!isStale()) return 0;
  try {
    return await withLock(ROOT, async () => {
      if (isInstallStale(ROOT) && !(await install(ROOT))) return 1;
      if (!installOnly && isBuildStale(ROOT) && !(await build(ROOT))) return 1;
      return 0;
    });
  } catch (error) {
    process.stderr.write(`prepare: ${error.message}\n`);
    return 1;
  }
}
