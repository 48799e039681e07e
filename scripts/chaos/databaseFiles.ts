import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** What can be done to the files of a LevelDB database while it is closed; damage.ts says what each stands for. */
export type Damage = 'log' | 'table' | 'block' | 'current' | 'torn';

export const DAMAGES: readonly Damage[] = ['log', 'table', 'block', 'current', 'torn'];

/** Damages the closed database in `directory`, and says how. Throws where it has no such file. */
export function damageDatabase(directory: string, what: Damage): string {
  switch (what) {
    case 'log':
      return flipInMidst(newest(directory, '.log'));
    case 'block':
      return flipEverywhere(newest(directory, '.ldb'));
    case 'table':
      return cutInHalf(newest(directory, '.ldb'));
    case 'current':
      rmSync(join(directory, 'CURRENT'));
      return 'CURRENT removed';
    case 'torn':
      return appendTornBatch(newest(directory, '.log'));
  }
}

/** The numbers of LevelDB's files have six digits. Throws where there is none. */
function newest(directory: string, extension: string): string {
  const names = readdirSync(directory).filter((name) => name.endsWith(extension));
  const last = names.sort().at(-1);
  if (last === undefined) throw new Error(`there is no ${extension} in ${directory}: the run is too small`);
  return join(directory, last);
}

function flipInMidst(file: string): string {
  const at = Math.floor(statSync(file).size / 2);
  flip(file, [at]);
  return `byte ${String(at)} of ${file} flipped`;
}

/** One byte in some blocks of a table, but not in its end, which is looked at whenever the database is opened. */
function flipEverywhere(file: string): string {
  const { size } = statSync(file);
  const places: number[] = [];
  for (let at = ROT_EVERY_BYTES; at < size * ROT_SHARE; at += ROT_EVERY_BYTES) places.push(at);
  if (places.length === 0) throw new Error(`${file} is too small: ${String(size)} bytes`);
  flip(file, places);
  return `${String(places.length)} bytes of ${file} flipped`;
}

function flip(file: string, places: readonly number[]): void {
  const fd = openSync(file, 'r+');
  for (const at of places) {
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, at);
    byte.writeUInt8(byte.readUInt8() ^ 0xff);
    writeSync(fd, byte, 0, 1, at);
  }
  closeSync(fd);
}

function cutInHalf(file: string): string {
  const { size } = statSync(file);
  truncateSync(file, Math.floor(size / 2));
  return `${file} cut from ${String(size)} to ${String(Math.floor(size / 2))} bytes`;
}

const ROT_EVERY_BYTES = 16 * 1024;
const ROT_SHARE = 0.8;

/** LevelDB cuts its logs into blocks; no piece of a batch crosses the end of one. */
const BLOCK_BYTES = 32 * 1024;
/** Checksum, length and type of a piece. */
const HEADER_BYTES = 7;
const TORN_BYTES = 20;

/** The beginning of the log's first batch once more, which is the beginning of a batch as good as any. */
function appendTornBatch(file: string): string {
  const log = readFileSync(file);
  const room = BLOCK_BYTES - (log.length % BLOCK_BYTES);
  // Where no head fits into what is left of a block, LevelDB leaves zeros.
  const filler = Buffer.alloc(room < HEADER_BYTES ? room : 0);
  const length = room < HEADER_BYTES ? TORN_BYTES : Math.min(room, TORN_BYTES);
  appendFileSync(file, Buffer.concat([filler, log.subarray(0, length)]));
  return `${String(length)} bytes of a batch appended to ${file}`;
}
