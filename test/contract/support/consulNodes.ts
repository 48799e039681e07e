import {
  type ConsulRegistryOptions,
  openConsulRegistry,
} from '../../../services/node/adapters/consul-membership.js';
import { DEFAULT_TUNING } from '../../../services/node/adapters/consul-membership/tuning.js';
import type { RegisteredNode, StoreReading, SwapResult } from '../../../services/node/core/protocol/store.js';
import type { Actor, NodeId } from '../../../services/node/core/types.js';
import type { Registration, Registry } from '../../../services/node/ports/registry.js';
import { type RecordedTelemetry, recordTelemetry } from './telemetry.js';

/** What is away is noticed sooner than in a cluster: tests wait for it. */
export const IMPATIENT = {
  watchMs: 3500,
  backoffMsMax: 500,
  lookMs: 500,
  updateMs: 100,
  damping: { ...DEFAULT_TUNING.damping, holdMs: 300 },
};

export interface ConsulNode {
  readonly registry: Registry;
  readonly telemetry: RecordedTelemetry;
  readonly seen: { changes: number; nodes: readonly RegisteredNode[]; views: number };
  read(): Promise<StoreReading>;
  swap(index: number, text: string): Promise<SwapResult>;
}

export async function openConsulNode(
  url: string,
  options: Partial<ConsulRegistryOptions> = {},
): Promise<ConsulNode> {
  const telemetry = recordTelemetry();
  const seen: ConsulNode['seen'] = { changes: 0, nodes: [], views: 0 };
  const registry = await openConsulRegistry(
    {
      ...{ self: 'a' as NodeId, name: 'rondo', url, tokenFile: '', caFile: '', tuning: IMPATIENT },
      ...{ log: telemetry.log, metrics: telemetry.metrics, ...options },
    },
    {
      onChanged: () => {
        seen.changes++;
      },
      onNodes: (nodes) => {
        seen.nodes = nodes;
        seen.views++;
      },
    },
  );
  return {
    registry,
    telemetry,
    seen,
    read: () => new Promise((resolve) => registry.read(resolve)),
    swap: (index, text) => new Promise((resolve) => registry.swap(index, text, resolve)),
  };
}

export function registrationAt(httpAddress: string, over: Partial<Registration> = {}): Registration {
  return {
    ...{ httpAddress, busAddress: '127.0.0.1:7000', actor: '0011223344556677' as Actor },
    ...{ zone: 'z', weight: 1, epoch: 1, tokens: [], ...over },
  };
}
