import type { NodeId } from '../core/types.js';
import type { SteppingNode } from '../core/protocol/events.js';
import { encodeVersion, type VersionSeal } from '../core/versioning/version.js';
import type { Bus } from '../ports/bus.js';
import type { Storage } from '../ports/storage.js';
import type { Runtime } from './runtime.js';
import type { NodeService } from './service.js';

export interface ServiceParts {
  readonly self: NodeId;
  readonly seal: VersionSeal;
  readonly node: SteppingNode;
  readonly runtime: Runtime;
  readonly storage: Storage;
  readonly bus: Bus;
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
    dump: () => storage.scan(),
    versionOf: (key, record) => encodeVersion(seal, key, record.clock),
    status: () => {
      const { incarnation } = storage.identity;
      const { document, complete, actor, liveness, hints } = node.view();
      if (!document) throw new Error('a node serves only once it is in a cluster');
      const { sequence, damaged, healthy } = storage.stats();
      const { liveRequests, liveBytes } = node.sizes();
      return {
        node: self,
        actor,
        incarnation,
        complete,
        ready: healthy && !parts.stopping(),
        document,
        peers: bus.peers(),
        liveness,
        hints,
        storage: { sequence, damaged },
        live: { requests: liveRequests, bytes: liveBytes },
      };
    },
  };
}
