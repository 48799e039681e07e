import { createHash } from 'node:crypto';
import { encodeMessage } from '../../../services/node/core/protocol/codec.js';
import type { Message, NodeHeight } from '../../../services/node/core/protocol/messages.js';
import { HEIGHTS_MAX } from '../../../services/node/core/protocol/messages.js';
import type { Actor, Key, NodeId } from '../../../services/node/core/types.js';
import type { Bus, BusHandlers } from '../../../services/node/ports/bus.js';
import { keyOf, recordOf } from './records.js';

/** Handlers that keep what they are called with. */
export interface Mailbox extends BusHandlers {
  readonly received: { from: NodeId; message: Message; remainingMs: number }[];
  readonly returned: { to: NodeId; message: Message }[];
}

export function createMailbox(): Mailbox {
  const received: Mailbox['received'] = [];
  const returned: Mailbox['returned'] = [];
  return {
    received,
    returned,
    onMessage: (from, message, remainingMs) => void received.push({ from, message, remainingMs }),
    onUnroutable: (to, message) => void returned.push({ to, message }),
  };
}

export const ping = (request: number): Message => ({ type: 'ping', request, epoch: 1, heights: [] });
export const pong = (request: number): Message => ({ type: 'pong', request, epoch: 1, heights: [] });

export function writeOf(request: number, value: Uint8Array): Message {
  return { type: 'write', request, key: keyOf(`key ${request}`), since: 1, record: recordOf(request, value) };
}

/** Bytes without a period that a chunk's length could hide, the same for the same seed. */
export function patternOf(length: number, seed: number): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(`${seed}`).digest());
}

/** Messages as the bytes that stand for them: quick to compare, and byte-exact. */
export function asBytes(messages: readonly Message[]): string[] {
  return messages.map((message) => Buffer.from(encodeMessage(message)).toString('latin1')).sort();
}

const DEADLINE_MS = 20_000;

/** Waits for a condition that must come true; fails with its description. */
export async function eventually(description: string, condition: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > giveUpMs) throw new Error(`did not happen: ${description}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function connected(bus: Bus, ...peers: NodeId[]): Promise<void> {
  return eventually(`connected to ${peers.join(', ')}`, () =>
    peers.every((peer) => bus.peers().get(peer) === 'connected'),
  );
}

export function disconnected(bus: Bus, peer: NodeId): Promise<void> {
  return eventually(`not connected to ${peer}`, () => bus.peers().get(peer) === 'unreachable');
}

const allBytes = Uint8Array.from({ length: 256 }, (_, i) => i);
const hostileKey = Buffer.from(allBytes).toString('latin1') as Key;

const HEIGHTS: readonly NodeHeight[] = Array.from({ length: HEIGHTS_MAX }, (_, i) => ({
  node: `node ${i}` as NodeId,
  actor: 'ÿ'.repeat(32) as Actor,
  incarnation: i,
  sequence: Number.MAX_SAFE_INTEGER,
}));

/** One message or more of every type, with empty and hostile fields. */
export const SAMPLES: readonly Message[] = [
  { type: 'read', request: 0, key: keyOf('k'), since: 0, strict: false },
  {
    type: 'read',
    request: Number.MAX_SAFE_INTEGER,
    key: hostileKey,
    since: Number.MAX_SAFE_INTEGER,
    strict: true,
  },
  { type: 'readReply', request: 1, answer: { status: 'found', record: recordOf(1) } },
  {
    type: 'readReply',
    request: 1,
    answer: { status: 'found', record: { clock: [], siblings: [], marks: [] } },
  },
  { type: 'readReply', request: 2, answer: { status: 'missing' } },
  { type: 'readReply', request: 3, answer: { status: 'incomplete' } },
  { type: 'readReply', request: 4, answer: { status: 'refused' } },
  { type: 'readReply', request: 4, answer: { status: 'otherEpoch', epoch: 7 } },
  { type: 'write', request: 5, key: hostileKey, since: 3, record: recordOf(2, allBytes) },
  { type: 'write', request: 5, key: keyOf('k'), since: 1, record: recordOf(3), hintFor: 'nœud 1' as NodeId },
  { type: 'writeReply', request: 6, answer: 'stored' },
  { type: 'writeReply', request: 7, answer: 'incomplete' },
  { type: 'writeReply', request: 8, answer: 'refused' },
  { type: 'writeReply', request: 8, answer: { status: 'otherEpoch', epoch: 7 } },
  {
    type: 'forward',
    request: 9,
    put: {
      key: keyOf('k'.repeat(4096)),
      value: allBytes,
      fromVersion: 'dmVyc2lvbg',
      minWrites: 2,
      quorum: 'strict',
      onConflict: 'sibling',
      requestId: 'größer ✓',
    },
  },
  {
    type: 'forward',
    request: 10,
    put: {
      key: keyOf('k'),
      value: new Uint8Array(0),
      fromVersion: '',
      quorum: 'sloppy',
      onConflict: 'refuse',
    },
  },
  {
    type: 'forwardReply',
    request: 11,
    answer: { status: 'done', outcome: { ok: true, version: 'v', siblings: 1 } },
  },
  {
    type: 'forwardReply',
    request: 12,
    answer: { status: 'done', outcome: { ok: true, version: null, siblings: 3 } },
  },
  {
    type: 'forwardReply',
    request: 13,
    answer: {
      status: 'done',
      outcome: { ok: false, code: 'quorum_not_met', outcome: 'unknown', got: 1, wanted: 2, detail: 'naïve' },
    },
  },
  {
    type: 'forwardReply',
    request: 14,
    answer: {
      status: 'done',
      outcome: { ok: false, code: 'stale_version', outcome: 'none', version: 'v2' },
    },
  },
  { type: 'forwardReply', request: 15, answer: { status: 'declined' } },
  ping(16),
  pong(17),
  { type: 'pong', request: 18, epoch: Number.MAX_SAFE_INTEGER, heights: HEIGHTS },
];
