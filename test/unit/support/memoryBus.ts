import { decodeMessage, encodeMessage } from '../../../services/node/core/protocol/codec.js';
import type { Message } from '../../../services/node/core/protocol/messages.js';
import type { NodeId } from '../../../services/node/core/types.js';
import type { Bus, BusHandlers, PeerState } from '../../../services/node/ports/bus.js';

/**
 * A network without sockets, for tests; it passes the contract suite of the port. Messages go through the codec, so that
 * nobody comes to rely on sharing memory, and arrive one turn of the event loop later.
 */
export interface MemoryNetwork {
  /** A node may be opened again after its bus was closed. Members know each other; others only whom they connect to. */
  open(self: NodeId, handlers: BusHandlers): Bus;
}

/** What waits to be handed to a node: a message that arrived, or its own that came back. */
type Task = () => void;

/** More of it may not wait for one node. */
const BULK_WAITING_MAX = 4096;

export function createMemoryNetwork(members: readonly NodeId[]): MemoryNetwork {
  const open = new Map<NodeId, BusHandlers>();
  return {
    open: (self, handlers) => {
      const known = new Set(members.includes(self) ? members.filter((id) => id !== self) : []);
      return openMemoryBus(self, handlers, known, open);
    },
  };
}

function openMemoryBus(
  self: NodeId,
  handlers: BusHandlers,
  known: Set<NodeId>,
  open: Map<NodeId, BusHandlers>,
): Bus {
  open.set(self, handlers);
  const linked = (to: NodeId) => known.has(to) && open.has(to);
  let phase: 'open' | 'closing' | 'closed' = 'open';
  let closed: Promise<void> | undefined;
  let waiting: Task[] = [];
  /** Behind everything else of its turn. */
  let bulkWaiting: Task[] = [];
  const bulkTo = new Map<NodeId, number>();
  let scheduled: NodeJS.Immediate | undefined;

  function later(task: Task, bulk = false): void {
    if (phase === 'closed') return;
    (bulk ? bulkWaiting : waiting).push(task);
    scheduled ??= setImmediate(run);
  }

  function run(): void {
    scheduled = undefined;
    const tasks = [...waiting, ...bulkWaiting];
    waiting = [];
    bulkWaiting = [];
    bulkTo.clear();
    for (const task of tasks) task();
  }

  /** Whether there is room for one more. */
  function admit(to: NodeId, bulk: boolean): boolean {
    if (!bulk) return true;
    const count = (bulkTo.get(to) ?? 0) + 1;
    if (count > BULK_WAITING_MAX) return false;
    bulkTo.set(to, count);
    return true;
  }

  function deliver(to: NodeId, message: Message, bytes: Uint8Array, remainingMs: number): void {
    const receiver = open.get(to);
    if (receiver && linked(to)) receiver.onMessage(self, decodeMessage(bytes), remainingMs);
    else handlers.onUnroutable(to, message);
  }

  function close(resolve: () => void): void {
    phase = 'closing';
    if (open.get(self) === handlers) open.delete(self);
    setImmediate(() => {
      clearImmediate(scheduled);
      phase = 'closed';
      run();
      resolve();
    });
  }

  return {
    send: (to, message, remainingMs, bulk = false) => {
      const bytes = encoded(message);
      const routable = phase === 'open' && linked(to) && admit(to, bulk);
      if (!bytes || !routable) later(() => handlers.onUnroutable(to, message));
      else if (remainingMs > 0) later(() => deliver(to, message, bytes, remainingMs), bulk);
    },
    // Here a node is wherever it is.
    connect: (node, address) => {
      if (phase === 'open' && node !== self && isAddress(address)) known.add(node);
    },
    peers: () => new Map([...known].map((id) => [id, stateOf(linked(id))])),
    close: () => (closed ??= new Promise(close)),
  };
}

function isAddress(text: string): boolean {
  return /^[^:]+:\d+$/.test(text);
}

function stateOf(reachable: boolean): PeerState {
  return reachable ? 'connected' : 'unreachable';
}

/** Undefined where the message cannot travel. */
function encoded(message: Message): Uint8Array | undefined {
  try {
    return encodeMessage(message);
  } catch {
    return undefined;
  }
}
