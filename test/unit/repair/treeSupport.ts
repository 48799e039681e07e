import { nodeDigests } from '../../../services/node/adapters/system.js';
import type { Fact, ScanPage, ScanRange } from '../../../services/node/core/protocol/events.js';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { HashTrees } from '../../../services/node/core/repair/hashTrees.js';
import { Scans } from '../../../services/node/core/repair/scans.js';
import { partitionOf } from '../../../services/node/core/ring/position.js';
import type { Actor, Key, Partition, VersionedRecord } from '../../../services/node/core/types.js';
import { isTombstone } from '../../../services/node/core/versioning/record.js';
import { emptyDisk, scanFrom } from '../support/stepDisk.js';

export const PARTITIONS = 8;
export const digests = nodeDigests();
export const partitionOfKey = (key: Key): Partition => partitionOf(digests.md5(key), PARTITIONS);
export const HERE = 3 as Partition;
export const ELSEWHERE = 5 as Partition;
export const keysOf = (partition: Partition, count: number): readonly Key[] =>
  Array.from({ length: 50 * count }, (_, i) => `k${i}` as Key)
    .filter((key) => partitionOfKey(key) === partition)
    .slice(0, count);

export function recordOf(counter: number, isDeleted = false): VersionedRecord {
  const dot = { actor: 'a' as Actor, counter };
  const value = new Uint8Array(isDeleted ? 0 : 1);
  return { clock: [{ ...dot, timestamp: 1 }], siblings: [{ dot, value }], marks: [] };
}

/** Trees over a disk of which a scan reads one key a page; its view is fixed when it begins. */
export function growing() {
  const outbox = new Outbox();
  const scans = new Scans(outbox);
  const disk = emptyDisk('a');
  const damaged: Key[] = [];
  const facts: Fact[] = [];
  const waiting: { readonly id: number; readonly range: ScanRange }[] = [];
  const open = new Map<number, ScanPage[]>();
  const due: number[] = [];
  const trees = new HashTrees({
    ...{ partitions: PARTITIONS, digests, scans, outbox },
    mayBeReaped: isTombstone,
    onDamaged: (key) => {
      if (damaged.includes(key)) return;
      damaged.push(key);
      trees.doubt(key);
    },
  });
  let monotonicMs = 0;

  function act<T>(action: () => T): T {
    outbox.begin({ monotonicMs, wallMs: 0 });
    const result = action();
    for (const effect of outbox.take()) {
      if (effect.type === 'scan') waiting.push({ id: effect.scan, range: effect.range });
      if (effect.type === 'scanNext') due.push(effect.scan);
      if (effect.type === 'scanEnd') open.delete(effect.scan);
      if (effect.type === 'observe') facts.push(effect.fact);
    }
    return result;
  }

  function begin(): void {
    const next = waiting.shift();
    if (!next) return;
    const { entries, damaged: lost } = scanFrom(disk, (key) => digests.md5(key), next.range);
    const pages = entries.map((entry) => ({ entries: [entry], damaged: [], isLast: false }));
    open.set(next.id, [...pages, { entries: [], damaged: lost, isLast: true }]);
    act(() => {
      scans.onBegun(next.id);
    });
  }

  function read(): void {
    const id = due.shift();
    const page = id === undefined ? undefined : open.get(id)?.shift();
    if (id === undefined || !page) return;
    act(() => {
      scans.onPage(id, page);
    });
  }

  function put(key: Key, record: VersionedRecord | undefined): void {
    const before = disk.records.get(key);
    if (record) disk.records.set(key, record);
    else disk.records.delete(key);
    act(() => {
      trees.changed(key, before, record);
    });
  }

  return {
    ...{ trees, disk, facts, damaged, waiting, due, act, begin, read, put },
    want: (partition = HERE) => act(() => trees.want(partition)),
    doubt(key: Key): void {
      act(() => {
        trees.doubt(key);
      });
    },
    giveUp(): void {
      act(() => {
        trees.giveUp(HERE);
      });
    },
    /** A scan that waits, or is under way, comes to nothing. */
    fail(): void {
      const id = waiting.shift()?.id ?? due.shift();
      if (id === undefined) return;
      act(() => {
        scans.onFailed(id);
      });
    },
    tick(ms = 20): void {
      monotonicMs += ms;
      act(() => {
        trees.tick(monotonicMs);
      });
    },
    finish(): void {
      for (let steps = 0; steps < 10_000 && waiting.length + due.length > 0; steps++) {
        if (due.length > 0) read();
        else begin();
      }
    },
  };
}

export type Growing = ReturnType<typeof growing>;
