import { openConsulRegistry } from '../adapters/consul-membership.js';
import type { NodeView, SteppingNode } from '../core/protocol/events.js';
import type { NodeId } from '../core/types.js';
import type { Registration, Registry, RegistryHandlers } from '../ports/registry.js';
import type { NodeConfig } from '../config.js';
import type { Log, Metrics } from '../ports/telemetry.js';

export interface RegistryFrame {
  readonly config: NodeConfig;
  readonly self: NodeId;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The registry that the node is set to; none where nodes find each other by themselves. */
export async function openRegistry(
  { config, self, log, metrics }: RegistryFrame,
  handlers: RegistryHandlers,
): Promise<Registry | undefined> {
  if (config.membership === 'gossip') return undefined;
  const { consulUrl: url, consulName: name, consulTokenFile: tokenFile, consulCaFile: caFile } = config;
  return openConsulRegistry({ self, url, name, tokenFile, caFile, log, metrics }, handlers);
}

export interface Registered {
  readonly self: NodeId;
  readonly httpAddress: string;
  readonly busAddress: string;
  readonly zone: string;
  readonly weight: number;
}

const LOOK_MS = 500;

/** Keeps what the registry says of this node as the node itself sees it. Gives what ends that. */
export function keepRegistered(registry: Registry, node: SteppingNode, known: Registered): () => void {
  const look = (): void => registry.register(registrationOf(node.view(), known));
  look();
  const timer = setInterval(look, LOOK_MS).unref();
  return () => {
    clearInterval(timer);
  };
}

function registrationOf({ actor, document }: NodeView, { self, ...known }: Registered): Registration {
  const index = document?.nodes.findIndex(({ id }) => id === self) ?? -1;
  const tokens = index < 0 ? [] : (document?.tokens.map((owner) => owner === index) ?? []);
  return { ...known, actor, epoch: document?.epoch ?? 0, tokens };
}
