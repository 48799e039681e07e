import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { openLevelStorage, type LevelStorageOptions } from '../../../services/node/adapters/level-storage.js';
import { nodeDigests, systemEntropy } from '../../../services/node/adapters/system.js';
import type { Storage } from '../../../services/node/ports/storage.js';
import type { LogFields } from '../../../services/node/ports/telemetry.js';

/** A temporary data directory, with what a storage on it told its log and metrics. */
export interface LevelDirectory {
  readonly directory: string;
  readonly logged: { readonly level: string; readonly message: string; readonly fields?: LogFields }[];
  readonly counts: Map<string, number>;
  open(options?: Partial<LevelStorageOptions>): Promise<Storage>;
  /** Directories that were set aside, in the order of their names. */
  aside(): Promise<string[]>;
  /** Ends `storage` so that a SIGKILL would leave the same. */
  kill(storage: Storage): Promise<void>;
  /** Works on the closed database behind the storage's back. */
  tamper(work: (level: RawLevel) => Promise<void>): Promise<void>;
  dispose(): Promise<void>;
}

export type RawLevel = ClassicLevel<Buffer, Buffer>;

export async function createLevelDirectory(): Promise<LevelDirectory> {
  const parent = await mkdtemp(join(tmpdir(), 'rondo-storage-'));
  const directory = join(parent, 'made', 'here');
  const logged: { level: string; message: string; fields?: LogFields }[] = [];
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
        log: {
          log: (level, message, fields) => void logged.push({ level, message, ...(fields && { fields }) }),
        },
        ...options,
      }),
    async aside() {
      const names = (await readdir(dirname(directory))).filter((name) => name.includes('.damaged-'));
      return names.sort().map((name) => join(dirname(directory), name));
    },
    async kill(storage) {
      // LevelDB writes nothing when it is closed; what tells a kill from it is this file.
      const life = await readFile(join(directory, 'life.json'));
      await storage.close();
      await writeFile(join(directory, 'life.json'), life);
    },
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

/** The newest file of `directory` whose name matches. */
export async function databaseFile(directory: string, pattern: RegExp): Promise<string> {
  const found = (await readdir(directory)).filter((name) => pattern.test(name)).sort();
  const name = found.at(-1);
  if (name === undefined) throw new Error(`no file in ${directory} matches ${String(pattern)}`);
  return join(directory, name);
}

/** Flips one bit of a file; a negative `at` counts from its end. */
export async function flipBit(path: string, at: number, bit = 0): Promise<void> {
  const bytes = await readFile(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8(bytes.readUInt8(index) ^ (1 << bit), index);
  await writeFile(path, bytes);
}
