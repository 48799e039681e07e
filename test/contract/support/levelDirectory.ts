import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { openLevelStorage, type LevelStorageOptions } from '../../../services/node/adapters/level-storage.js';
import { nodeDigests, systemEntropy } from '../../../services/node/adapters/system.js';
import type { Storage } from '../../../services/node/ports/storage.js';

/** A temporary data directory, with what a storage on it told its log and metrics. */
export interface LevelDirectory {
  readonly directory: string;
  readonly logged: { readonly level: string; readonly message: string }[];
  readonly counts: Map<string, number>;
  open(options?: Partial<LevelStorageOptions>): Promise<Storage>;
  /** Works on the closed database behind the storage's back. */
  tamper(work: (level: RawLevel) => Promise<void>): Promise<void>;
  dispose(): Promise<void>;
}

export type RawLevel = ClassicLevel<Buffer, Buffer>;

export async function createLevelDirectory(): Promise<LevelDirectory> {
  const parent = await mkdtemp(join(tmpdir(), 'rondo-storage-'));
  const directory = join(parent, 'made', 'here');
  const logged: { level: string; message: string }[] = [];
  const counts = new Map<string, number>();
  return {
    directory,
    logged,
    counts,
    open: (options) =>
      openLevelStorage({
        directory,
        partitions: 256,
        founding: true,
        digests: nodeDigests(),
        entropy: systemEntropy(),
        metrics: {
          count: (name, _labels, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
          observe: () => undefined,
          gauge: () => undefined,
        },
        log: { log: (level, message) => void logged.push({ level, message }) },
        ...options,
      }),
    async tamper(work) {
      const level: RawLevel = new ClassicLevel(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
      await level.open();
      await work(level).finally(() => level.close());
    },
    dispose: () => rm(parent, { recursive: true }),
  };
}

/** The database's key of the one record whose key ends with `suffix`. */
export async function storedKey(level: RawLevel, suffix: string): Promise<Buffer> {
  const keys = await level.keys({ gte: Buffer.from('o'), lt: Buffer.from('p') }).all();
  const [found, ...others] = keys.filter((key) => key.toString('latin1').endsWith(suffix));
  if (!found || others.length > 0) throw new Error(`not one record ends with ${suffix}`);
  return found;
}
