import type { RegisteredNode } from '../../core/protocol/store.js';
import type { NodeId } from '../../core/types.js';

/** What Consul's list of a service says of our nodes. It holds whatever anybody registered: nothing is taken for granted. */

export type Rejected = 'malformed' | 'address' | 'too_many';

/** Far more nodes than a cluster has. */
const NODES_MAX = 1024;
const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** None where the bus has a broker. */
const ADDRESS = /^$|^(?:\[[^\]\s]{1,253}\]|[^:\s@,[\]]{1,253}):\d{1,5}$/;
const ADDRESS_CHARS_MAX = 255;

interface Found extends RegisteredNode {
  readonly modifyIndex: number;
}

/**
 * The nodes by id. Where two agents list the same one, as after it has moved, the one that passes counts, then the newer.
 */
export function nodesOf(
  entries: readonly unknown[],
  reject: (reason: Rejected) => void,
): ReadonlyMap<NodeId, RegisteredNode> {
  const nodes = new Map<NodeId, Found>();
  for (const entry of entries) {
    const found = foundIn(entry);
    if (typeof found === 'string') reject(found);
    else if (!nodes.has(found.node) && nodes.size >= NODES_MAX) reject('too_many');
    else if (isBetter(found, nodes.get(found.node))) nodes.set(found.node, found);
  }
  return new Map(
    [...nodes].map(([id, { node, busAddress, passing }]) => [id, { node, busAddress, passing }] as const),
  );
}

function isBetter(found: Found, known: Found | undefined): boolean {
  if (!known) return true;
  if (found.passing !== known.passing) return found.passing;
  return found.modifyIndex > known.modifyIndex;
}

interface Entry {
  readonly Service?: {
    readonly ID?: unknown;
    readonly Meta?: unknown;
    readonly ModifyIndex?: unknown;
  } | null;
  readonly Checks?: unknown;
}

function foundIn(entry: unknown): Found | Rejected {
  const { Service: service, Checks: checks } = entry as Entry;
  const id = service?.ID;
  if (typeof id !== 'string' || !NODE_NAME.test(id)) return 'malformed';
  const { busAddress } = (service?.Meta ?? {}) as { readonly busAddress?: unknown };
  if (typeof busAddress !== 'string' || busAddress.length > ADDRESS_CHARS_MAX || !ADDRESS.test(busAddress)) {
    return 'address';
  }
  const modifyIndex = typeof service?.ModifyIndex === 'number' ? service.ModifyIndex : 0;
  return { node: id as NodeId, busAddress, passing: passes(checks), modifyIndex };
}

/** The checks of the service and of its agent, none of them critical; one without a check of its own is nothing we said. */
function passes(checks: unknown): boolean {
  if (!Array.isArray(checks)) return false;
  const all = checks as ({ readonly Status?: unknown; readonly ServiceID?: unknown } | null)[];
  const ofService = all.some((check) => typeof check?.ServiceID === 'string' && check.ServiceID !== '');
  return ofService && all.every((check) => check?.Status === 'passing' || check?.Status === 'warning');
}
