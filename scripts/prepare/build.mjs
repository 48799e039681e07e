import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { run, withProgress } from './child.mjs';
import { lockHash } from './install.mjs';

/** What `tsconfig.json` beside this file includes. */
const SOURCE_FOLDERS = ['services', 'scripts', 'test/simulation'];
const PROJECT = 'scripts/prepare';
const EXECUTABLE = 'dist/services/cli/main.js';

const stampFile = (root) => path.join(root, 'dist/.build-stamp');
const outputOf = (source) => path.join('dist', source.replace(/\.ts$/, '.js'));

/**
 * Whether dist/ differs from what its sources would give, judged by their paths, sizes and times, and by whether every
 * output is there.
 *
 * @param {string} root
 */
export function isBuildStale(root) {
  const stamp = stampFile(root);
  if (!existsSync(stamp)) return true;
  const sources = listSources(root);
  return (
    readFileSync(stamp, 'utf8') !== fingerprint(root, sources) || missingOutputs(root, sources).length > 0
  );
}

/**
 * Compiles what runs with one tsc, the simulator among it (tests are compiled by Jest); the stamp is written only after a build without errors.
 *
 * @param {string} root
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function build(root) {
  const sources = listSources(root);
  // Taken before the build: a file that changes meanwhile makes the next run build again.
  const stamp = fingerprint(root, sources);
  rmSync(stampFile(root), { force: true });
  const result = await withProgress('Building', compile(root, sources));
  if (!result.ok) {
    process.stderr.write(`${result.output}\nprepare: the build failed; see above.\n`);
    return false;
  }
  removeOrphans(root, new Set(sources.map(outputOf)));
  if (existsSync(path.join(root, EXECUTABLE))) chmodSync(path.join(root, EXECUTABLE), 0o755);
  writeFileSync(stampFile(root), stamp);
  return true;
}

/** tsc trusts its own record of what it has emitted; where files were deleted since, that record has to go. */
async function compile(root, sources) {
  const tsc = path.join('node_modules', 'typescript', 'bin', 'tsc');
  const once = () => run(process.execPath, [tsc, '-p', PROJECT, '--noEmitOnError'], { cwd: root });
  const result = await once();
  if (!result.ok || missingOutputs(root, sources).length === 0) return result;
  rmSync(path.join(root, 'dist/.tsbuildinfo'), { force: true });
  return once();
}

function listSources(root) {
  return SOURCE_FOLDERS.flatMap((folder) => listFiles(root, folder))
    .filter((file) => /(?<![.]d|[.]test)[.]ts$/.test(file))
    .sort();
}

function listFiles(root, folder) {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? listFiles(root, file) : [file];
  });
}

function fingerprint(root, sources) {
  const hash = createHash('sha256').update(lockHash(root));
  for (const file of [...sources, 'tsconfig.json', `${PROJECT}/tsconfig.json`]) {
    const { size, mtimeMs } = statSync(path.join(root, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function missingOutputs(root, sources) {
  return sources.filter((source) => !existsSync(path.join(root, outputOf(source))));
}

/** Removes outputs whose source is gone, and the folders that this empties. */
function removeOrphans(root, outputs) {
  for (const folder of SOURCE_FOLDERS) {
    for (const file of listFiles(root, path.join('dist', folder))) {
      if (!outputs.has(file.replace(/\.map$/, ''))) removeUpwards(root, file);
    }
  }
}

function removeUpwards(root, file) {
  rmSync(path.join(root, file), { force: true });
  let folder = path.dirname(file);
  while (folder !== 'dist' && readdirSync(path.join(root, folder)).length === 0) {
    rmdirSync(path.join(root, folder));
    folder = path.dirname(folder);
  }
}
