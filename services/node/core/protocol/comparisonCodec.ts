import { assert, assertNever } from '../assert.js';
import type { Dot, Partition, RecordHash } from '../types.js';
import { ACTOR_CHARS_MAX, readDot, writeDot } from '../versioning/recordCodec.js';
import { type ByteReader, type ByteWriter, DecodeError } from './bytes.js';
import {
  LEAF_TABLE_BYTES,
  LISTED_MAX,
  type ListedKey,
  type Message,
  type PartitionRoot,
  REAP_ITEMS_MAX,
  type ReapItem,
  type RequestNumber,
  ROOTS_MAX,
} from './messages.js';
import { INTEGER_BYTES_MAX, integerBytes, keyBytes, readKey } from './requestCodec.js';
import { wordCodec } from './words.js';

/** Binary form of the messages by which nodes compare what they hold, and agree on what to forget. */

export type Comparison = Extract<
  Message,
  { type: 'compare' | 'compared' | 'leaves' | 'leavesReply' | 'list' | 'listed' | 'reap' | 'reaped' }
>;

const PARTITION_MAX = 0xffff;
const LEAF_MAX = 0xff;
const PRESENCE = wordCodec<'absent' | 'present'>({ absent: 0, present: 1 });
const MORE = wordCodec<'last' | 'more'>({ last: 0, more: 1 });
const REAP_PHASES = wordCodec<'ask' | 'drop'>({ ask: 0, drop: 1 });
const REAP_WHATS = wordCodec<ReapItem['what']>({ tombstone: 0, entry: 1 });
const EXPIRY = wordCodec<'live' | 'expired'>({ live: 0, expired: 1 });

export function writeComparison(out: ByteWriter, message: Comparison): void {
  switch (message.type) {
    case 'compare':
      out.varint(message.epoch);
      writeList(out, message.roots, ({ partition, root }) => out.varint(partition).varint(root));
      return;
    case 'compared':
      writeList(out, message.differing, (partition) => out.varint(partition));
      writeList(out, message.unready, (partition) => out.varint(partition));
      return;
    case 'leaves':
      out.varint(message.partition);
      return;
    case 'leavesReply':
      PRESENCE.write(out, message.leaves ? 'present' : 'absent');
      if (message.leaves) out.raw(message.leaves);
      return;
    case 'list':
      out.varint(message.partition).u8(message.first).u8(message.last);
      PRESENCE.write(out, message.after === undefined ? 'absent' : 'present');
      if (message.after !== undefined) out.latin1(message.after);
      return;
    case 'listed':
      PRESENCE.write(out, message.page ? 'present' : 'absent');
      if (!message.page) return;
      MORE.write(out, message.page.more ? 'more' : 'last');
      writeList(out, message.page.entries, (entry) => {
        writeListedKey(out, entry);
      });
      return;
    case 'reap':
      REAP_PHASES.write(out, message.phase);
      writeList(out, message.items, (item) => {
        writeReapItem(out, item);
      });
      return;
    case 'reaped':
      writeList(out, message.agreed, (index) => out.varint(index));
      return;
    default:
      assertNever(message);
  }
}

export function readComparison(type: Comparison['type'], request: RequestNumber, input: ByteReader): Message {
  switch (type) {
    case 'compare':
      return { type, request, epoch: input.varint(), roots: readList(input, ROOTS_MAX, readRoot) };
    case 'compared': {
      const differing = readList(input, ROOTS_MAX, readPartition);
      return { type, request, differing, unready: readList(input, ROOTS_MAX, readPartition) };
    }
    case 'leaves':
      return { type, request, partition: readPartition(input) };
    case 'leavesReply':
      if (PRESENCE.read(input) === 'absent') return { type, request };
      return { type, request, leaves: input.raw(LEAF_TABLE_BYTES) };
    case 'list':
      return readListQuestion(request, input);
    case 'listed': {
      if (PRESENCE.read(input) === 'absent') return { type, request };
      const more = MORE.read(input) === 'more';
      return { type, request, page: { more, entries: readList(input, LISTED_MAX, readListedKey) } };
    }
    case 'reap':
      return {
        type,
        request,
        phase: REAP_PHASES.read(input),
        items: readList(input, REAP_ITEMS_MAX, readReapItem),
      };
    case 'reaped':
      return { type, request, agreed: readList(input, REAP_ITEMS_MAX, (from) => from.varint()) };
    default:
      return assertNever(type);
  }
}

/** Upper bound of what {@link writeComparison} writes; refuses what the reader would refuse. */
export function comparisonBytes(message: Comparison): number {
  switch (message.type) {
    case 'compare':
      return (
        integerBytes(message.epoch) +
        listBytes(message.roots, ROOTS_MAX, ({ partition, root }) => {
          return partitionBytes(partition) + integerBytes(root);
        })
      );
    case 'compared':
      return (
        listBytes(message.differing, ROOTS_MAX, partitionBytes) +
        listBytes(message.unready, ROOTS_MAX, partitionBytes)
      );
    case 'leaves':
      return partitionBytes(message.partition);
    case 'leavesReply':
      assert((message.leaves?.length ?? LEAF_TABLE_BYTES) === LEAF_TABLE_BYTES, 'every leaf has a hash');
      return 1 + (message.leaves?.length ?? 0);
    case 'list':
      assert(message.first <= message.last && message.last <= LEAF_MAX, 'the leaves of a list are in order');
      return (
        partitionBytes(message.partition) + 3 + (message.after === undefined ? 0 : keyBytes(message.after))
      );
    case 'listed':
      return 2 + (message.page ? listBytes(message.page.entries, LISTED_MAX, listedKeyBytes) : 0);
    case 'reap':
      return 1 + listBytes(message.items, REAP_ITEMS_MAX, reapItemBytes);
    case 'reaped':
      return listBytes(message.agreed, REAP_ITEMS_MAX, integerBytes);
    default:
      return assertNever(message);
  }
}

function writeList<T>(out: ByteWriter, items: readonly T[], write: (item: T) => unknown): void {
  out.varint(items.length);
  for (const item of items) write(item);
}

function readList<T>(input: ByteReader, max: number, read: (input: ByteReader) => T): T[] {
  const count = input.varint();
  if (count > max) throw new DecodeError('a list is too long');
  return Array.from({ length: count }, () => read(input));
}

function listBytes<T>(items: readonly T[], max: number, bytesOf: (item: T) => number): number {
  assert(items.length <= max, 'a list on the bus is within its bounds');
  return items.reduce((sum, item) => sum + bytesOf(item), INTEGER_BYTES_MAX);
}

function readListQuestion(request: RequestNumber, input: ByteReader): Message {
  const partition = readPartition(input);
  const [first, last] = [input.u8(), input.u8()];
  if (first > last) throw new DecodeError('the leaves of a list are out of order');
  const ask = { type: 'list', request, partition, first, last } as const;
  return PRESENCE.read(input) === 'absent' ? ask : { ...ask, after: readKey(input) };
}

function writeListedKey(out: ByteWriter, { key, hash, bytes, isExpired }: ListedKey): void {
  out.latin1(key).varint(hash).varint(bytes);
  EXPIRY.write(out, isExpired ? 'expired' : 'live');
}

function readListedKey(input: ByteReader): ListedKey {
  const key = readKey(input);
  const hash: RecordHash = input.varint();
  const bytes = input.varint();
  return { key, hash, bytes, isExpired: EXPIRY.read(input) === 'expired' };
}

function listedKeyBytes({ key, hash, bytes }: ListedKey): number {
  return keyBytes(key) + integerBytes(hash) + integerBytes(bytes) + 1;
}

function writeReapItem(out: ByteWriter, item: ReapItem): void {
  REAP_WHATS.write(out, item.what);
  out.latin1(item.key);
  if (item.what === 'tombstone') out.varint(item.hash);
  else writeDot(out, item.dot);
}

function readReapItem(input: ByteReader): ReapItem {
  const what = REAP_WHATS.read(input);
  const key = readKey(input);
  return what === 'tombstone' ? { what, key, hash: input.varint() } : { what, key, dot: readDot(input) };
}

function reapItemBytes(item: ReapItem): number {
  const rest = item.what === 'tombstone' ? integerBytes(item.hash) : dotBytes(item.dot);
  return 1 + keyBytes(item.key) + rest;
}

function dotBytes({ actor, counter }: Dot): number {
  const isActor = actor.length > 0 && actor.length <= ACTOR_CHARS_MAX;
  assert(isActor && counter > 0, 'a dot on the bus names a write');
  return INTEGER_BYTES_MAX + actor.length + integerBytes(counter);
}

function readRoot(input: ByteReader): PartitionRoot {
  return { partition: readPartition(input), root: input.varint() };
}

function readPartition(input: ByteReader): Partition {
  const partition = input.varint();
  if (partition > PARTITION_MAX) throw new DecodeError('a partition is out of range');
  return partition as Partition;
}

function partitionBytes(partition: Partition): number {
  assert(partition >= 0 && partition <= PARTITION_MAX, 'a partition on the bus is within its bounds');
  return INTEGER_BYTES_MAX;
}
