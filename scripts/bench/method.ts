import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import type { LoadGenerator } from './load.js';
import type { LoadSize } from './measure.js';
import { VALUE_BYTES } from './requests.js';
import type { Subject } from './subject.js';

/** How the figures came about, in words for a person and for the record. */
export interface Method {
  readonly load: string;
  readonly requests: string;
  readonly order: string;
  readonly machine: string;
  readonly disk: string;
  readonly versions: string;
  readonly subjects: readonly (Pick<Subject, 'name' | 'what' | 'flags'> & { readonly version?: string })[];
}

/** What a PUT is, and why; also part of the help. */
export const PUT_METHOD =
  'each PUT stores a new value under a key of its own, so that every one succeeds and writes, and the data grows';

const DISKS: Readonly<Record<number, string>> = {
  0xef53: 'ext',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x794c7630: 'overlay',
  0x01021994: 'tmpfs: memory, so that an fsync costs nothing',
};

/** `folder`: where the data lies while it is measured. */
export function describeMethod(
  subjects: readonly Subject[],
  generator: LoadGenerator,
  size: LoadSize,
  runs: number,
  folder: string,
): Method {
  const { connections, keys, warmUpSeconds, seconds } = size;
  return {
    load: `${generator.name}, one process a node, ${String(connections)} connections each, one request at a time on each`,
    requests: `values of ${String(VALUE_BYTES)} bytes; GET of one of ${String(keys)} keys, stored before; ${PUT_METHOD}`,
    order: `${String(runs)} rounds, in each every subject in turn, started anew; ${String(warmUpSeconds)} s of warm-up, ${String(seconds)} s measured; medians`,
    machine: `${String(cpus().length)} cores (${cpus()[0]?.model.trim() ?? '?'}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, load and servers together on loopback`,
    disk: diskOf(folder),
    versions: `node ${process.version}, ${generator.name} ${generator.version}, ${type()} ${release()}, commit ${commit()}`,
    subjects: subjects.map((subject) => {
      const { name, what, flags } = subject;
      const version = subject.version?.();
      return { name, what, flags, ...(version === undefined ? {} : { version }) };
    }),
  };
}

function diskOf(folder: string): string {
  const kind = statfsSync(folder).type;
  return DISKS[kind] ?? `file system 0x${kind.toString(16)}`;
}

/** Of the folder that the bench runs in; a plus sign where files differ from it. */
function commit(): string {
  const hash = git('rev-parse', '--short', 'HEAD');
  if (hash === undefined) return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? hash : `${hash}+`;
}

function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
