import { nodeDigests } from '../../../services/node/adapters/system.js';
import type { Effect } from '../../../services/node/core/protocol/events.js';
import type { Message } from '../../../services/node/core/protocol/messages.js';
import { partitionOf } from '../../../services/node/core/ring/position.js';
import type { Actor, Key, NodeId, Partition, VersionedRecord } from '../../../services/node/core/types.js';
import { hashRecord } from '../../../services/node/core/versioning/recordHash.js';
import {
  createStepCluster,
  isMessage,
  type Pending,
  type PendingMessage,
  type StepCluster,
  type StepClusterOptions,
} from '../support/stepCluster.js';

/** Nodes that repair by themselves what tests lay on their disks. */

export const TICK_MS = 20;
export const EVERY_MS = 1000;
/** One comparison with each of two others, or one with one that has to be repeated. */
export const TURN_MS = 3500;
/** Of the step cluster when it begins. */
export const WALL_MS = 1_700_000_000_000;

const digests = nodeDigests();
const PARTITIONS = 8;

export const placeOf = (key: Key): Uint8Array => digests.md5(key);
export const partitionIndex = (key: Key): Partition => partitionOf(digests.md5(key), PARTITIONS);

/** So many keys of a partition. */
export function keysOf(partition: number, count: number, fits: (key: Key) => boolean = () => true): Key[] {
  const keys: Key[] = [];
  for (let i = 0; keys.length < count; i++) {
    const key = `k${i}` as Key;
    if ((partitionIndex(key) as number) === partition && fits(key)) keys.push(key);
  }
  return keys;
}

/** One write of a node that is long gone, so that nobody takes it for one of its own. */
export function recordOf(
  name: string,
  { value = name, timestamp = WALL_MS }: { value?: string; timestamp?: number } = {},
): VersionedRecord {
  const dot = { actor: `gone-${name}` as Actor, counter: 1 };
  const bytes = new TextEncoder().encode(value);
  return { clock: [{ ...dot, timestamp }], siblings: [{ dot, value: bytes }], marks: [] };
}

/** A delete of all that was there. */
export function tombstoneOf(timestamp: number, over?: VersionedRecord): VersionedRecord {
  const tombstone = recordOf('z', { value: '', timestamp });
  return { ...tombstone, clock: [...(over?.clock ?? []), ...tombstone.clock] };
}

export interface Comparing extends StepCluster {
  readonly sent: { readonly from: NodeId; readonly to: NodeId; readonly message: Message }[];
  /** What was sent since the last call, without probes. */
  takeSent(): readonly string[];
  lay(node: NodeId, key: Key, record: VersionedRecord): void;
  /** Which nodes hold the key, and what of it. */
  holders(key: Key): readonly (readonly [NodeId, number])[];
  /** Lets time pass until this is to be carried out, and returns it; what matches `isHeld` is left where it is as well. */
  until(isAwaited: (item: Pending) => boolean, isHeld?: (item: Pending) => boolean): Pending | undefined;
  /** As elapse, with what matches left where it is. */
  elapseBut(ms: number, isHeld: (item: Pending) => boolean): void;
}

export function comparing(options: StepClusterOptions = {}): Comparing {
  const sent: Comparing['sent'] = [];
  const onEffect = (from: NodeId, effect: Effect): void => {
    options.onEffect?.(from, effect);
    if (effect.type !== 'send' || effect.message.type === 'ping' || effect.message.type === 'pong') return;
    sent.push({ from, to: effect.to, message: effect.message });
  };
  const cluster = createStepCluster({ antiEntropyMs: EVERY_MS, ...options, onEffect });
  const elapseBut: Comparing['elapseBut'] = (ms, isHeld) => {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      cluster.advance(TICK_MS);
      cluster.runAll((item) => !isHeld(item));
    }
  };
  return {
    ...cluster,
    ...{ sent, elapseBut },
    takeSent: () => sent.splice(0).map(({ from, to, message }) => `${from}>${to} ${message.type}`),
    lay(node, key, record) {
      cluster.disk(node).records.set(key, record);
    },
    holders: (key) =>
      cluster.ids.flatMap((id) => {
        const record = cluster.disk(id).records.get(key);
        return record ? [[id, hashRecord(key, record)] as const] : [];
      }),
    until(isAwaited, isHeld = () => false) {
      let found = cluster.pending.find(isAwaited);
      for (let passed = 0; !found && passed < 20_000; passed += TICK_MS) {
        cluster.advance(TICK_MS);
        cluster.runAll((item) => !isAwaited(item) && !isHeld(item));
        found = cluster.pending.find(isAwaited);
      }
      return found;
    },
  };
}

/** A message of this type that a node sent. */
export const isFrom =
  (from: NodeId, type: Message['type']) =>
  (item: Pending): item is PendingMessage =>
    isMessage(type)(item) && item.from === from;

/** The same record on all of these nodes, and nothing elsewhere. */
export const everywhere = (key: Key, record: VersionedRecord, nodes: readonly NodeId[]) =>
  nodes.map((id) => [id, hashRecord(key, record)] as const);
