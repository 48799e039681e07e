import { DecodeError } from '../../core/protocol/bytes.js';
import { type Entropy, freshActor } from '../../ports/entropy.js';
import type { Database, Operation } from './database.js';
import { damaged, mismatch } from './errors.js';
import { isOurs, metadataKey, rangeOf, WHOLE_RANGE } from './keys.js';
import { openMetadata, sealMetadata, type Metadata } from './values.js';

/** Who the data directory is: made once, continued at every open. */

const STATE_KEY = metadataKey('state');

export interface IdentityOptions {
  readonly directory: string;
  readonly partitions: number;
  readonly founding: boolean;
  readonly entropy: Entropy;
  readonly incarnationFloor?: number;
}

/**
 * Takes up the identity of an opened database, or makes one where the database is empty, and syncs it: a new actor for a
 * new directory (I4), a new incarnation for every open. The number of partitions may change as long as there are no records,
 * whose keys depend on it: the cluster that the node then joins may have another. The same batch deletes the `spoiled` keys and counts them.
 */
export async function assumeIdentity(
  database: Database,
  options: IdentityOptions,
  spoiled: readonly Uint8Array[],
): Promise<Metadata> {
  const stored = readMetadata(database, options.directory);
  if (!stored) await mustBeEmpty(database, options.directory);
  if (stored && stored.partitions !== options.partitions && (await hasRecords(database))) {
    throw otherPartitions(stored, options);
  }
  const before = { ...(stored ?? newIdentity(options)), partitions: options.partitions };
  const incarnation = Math.max(before.incarnation + 1, options.incarnationFloor ?? 0);
  const sequence = before.sequence + 1;
  const metadata = { ...before, incarnation, sequence, damaged: before.damaged + spoiled.length };
  const deletes = spoiled.map((key): Operation => ({ type: 'del', key }));
  await database.commit([...deletes, metadataOperation(metadata)]);
  return metadata;
}

/** What the last synced batch left; undefined in a new database. */
export function readMetadata(database: Database, directory: string): Metadata | undefined {
  const value = database.get(STATE_KEY);
  try {
    return value && openMetadata(STATE_KEY, value);
  } catch (error) {
    if (error instanceof DecodeError) throw damaged(directory, `its metadata: ${error.message}`, error);
    throw error;
  }
}

export function metadataOperation(metadata: Metadata): Operation {
  return { type: 'put', key: STATE_KEY, value: sealMetadata(STATE_KEY, metadata) };
}

function newIdentity(options: IdentityOptions): Metadata {
  return {
    partitions: options.partitions,
    actor: freshActor(options.entropy),
    counter: 0,
    sequence: 0,
    incarnation: 0,
    complete: options.founding,
    damaged: 0,
  };
}

async function hasRecords(database: Database): Promise<boolean> {
  for (const space of ['object', 'quarantine'] as const) {
    const { gte, lt } = rangeOf(space);
    const stream = database.entries(gte, lt);
    try {
      if ((await stream.next()).length > 0) return true;
    } finally {
      await stream.close();
    }
  }
  return false;
}

/** Of a database without metadata. One of another program is not to be set aside as damaged. */
async function mustBeEmpty(database: Database, directory: string): Promise<void> {
  const stream = database.entries(WHOLE_RANGE.gte, WHOLE_RANGE.lt);
  try {
    const entries = await stream.next();
    if (!entries.every(([key]) => isOurs(key))) {
      throw mismatch(directory, 'holds the database of another program; choose an empty one');
    }
    if (entries.length > 0) throw damaged(directory, 'its metadata is missing');
  } finally {
    await stream.close();
  }
}

function otherPartitions(stored: Metadata, { directory, partitions }: IdentityOptions): Error {
  const fix = `start with ${stored.partitions} partitions or choose another directory`;
  return mismatch(directory, `was made with ${stored.partitions} partitions, not ${partitions}; ${fix}`);
}
