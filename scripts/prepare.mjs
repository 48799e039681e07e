/**
 * Runs before start, test, docs and the rest: installs the packages where they are missing or differ from
 * package-lock.json, and builds dist/ where it is missing or older than its sources. Uses nothing but Node itself, since
 * on a fresh clone there is nothing else. Prints nothing where nothing is stale.
 *
 *   node scripts/prepare.mjs [--install-only]
 */

const NODE_MIN = [20, 15];

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
  process.stderr.write(
    `Rondo needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.\n`,
  );
  process.exit(1);
}

// Loaded only now, so that an older Node gets the line above and not a fault in a module that it cannot read.
const { prepare } = await import('./prepare/prepare.mjs');
process.exitCode = await prepare({ installOnly: process.argv.includes('--install-only') });
