import type { Key, NodeId } from '../core/types.js';
import type { HolderAnswer, WhereOutcome } from '../core/protocol/convergence.js';
import type { SteppingNode } from '../core/protocol/events.js';
import { encodeVersion, type VersionSeal } from '../core/versioning/version.js';
import type { Bus } from '../ports/bus.js';
import type { Registry } from '../ports/registry.js';
import type { Storage } from '../ports/storage.js';
import type { Runtime } from './runtime.js';
import type { HolderReport, NodeService, WhereReport } from './service.js';

export interface ServiceParts {
  readonly self: NodeId;
  readonly seal: VersionSeal;
  readonly node: SteppingNode;
  readonly runtime: Runtime;
  readonly storage: Storage;
  readonly bus: Bus;
  readonly registry: Registry | undefined;
  /** Whether the node is on its way down. */
  readonly stopping: () => boolean;
}

/** The running node as the HTTP edge sees it; it has to be in a cluster. */
export function createNodeService(parts: ServiceParts): NodeService {
  const { self, seal, node, runtime, storage, bus } = parts;
  return {
    get: (request) => runtime.get(request),
    put: (request) => runtime.put(request),
    probe: (target, timeoutMs) => runtime.probe(target, timeoutMs),
    where: async (key) => {
      const outcome = await runtime.where(key);
      return outcome.ok ? whereReport(seal, key, outcome) : outcome;
    },
    hurry: (partition) => runtime.hurry(partition),
    remove: (target) => runtime.remove(target),
    dump: () => storage.scan(),
    versionOf: (key, record) => encodeVersion(seal, key, record.clock),
    status: () => {
      const { incarnation } = storage.identity;
      const { document, complete, actor, liveness, hints, antiEntropy, rebuild, registry } = node.view();
      if (!document || !antiEntropy) throw new Error('a node serves only once it is in a cluster');
      const { sequence, damaged, healthy } = storage.stats();
      const { liveRequests, liveBytes } = node.sizes();
      return {
        node: self,
        actor,
        incarnation,
        complete,
        ready: healthy && !parts.stopping() && document.nodes.some(({ id }) => id === self),
        document,
        peers: bus.peers(),
        liveness,
        hints,
        antiEntropy,
        rebuild,
        registry: registry && parts.registry && { ...registry, ...parts.registry.state() },
        storage: { sequence, damaged },
        live: { requests: liveRequests, bytes: liveBytes },
      };
    },
  };
}

const HASH_DIGITS = 14;

function whereReport(
  seal: VersionSeal,
  key: Key,
  { position, primaries, fallbacks, ...rest }: Extract<WhereOutcome, { ok: true }>,
): WhereReport {
  const report = (answer: HolderAnswer): HolderReport => {
    if (answer.status !== 'found') return answer;
    const { hash, clock, values, bytes } = answer.holding;
    return {
      ...{ node: answer.node, status: 'found', values, bytes },
      hash: hash.toString(16).padStart(HASH_DIGITS, '0'),
      version: encodeVersion(seal, key, clock),
      tombstone: values === 0,
    };
  };
  return {
    ...rest,
    position: Buffer.from(position).toString('hex'),
    primaries: primaries.map(report),
    fallbacks: fallbacks.map(report),
  };
}
