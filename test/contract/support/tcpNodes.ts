import { openTcpBus } from '../../../services/node/adapters/tcp-bus.js';
import type { TcpBus, TcpBusOptions } from '../../../services/node/adapters/tcp-bus.js';
import type { TcpBusTuning } from '../../../services/node/adapters/tcp-bus/context.js';
import type { NodeId } from '../../../services/node/core/types.js';
import type { Mailbox } from './mailbox.js';
import { createMailbox } from './mailbox.js';
import type { RecordedTelemetry } from './telemetry.js';
import { recordTelemetry } from './telemetry.js';

/** Patience of a tenth of a cluster's: tests wait for its end. */
export const IMPATIENT: Partial<TcpBusTuning> = {
  heartbeatMs: 50,
  silenceMs: 600,
  helloMs: 600,
  connectMs: 400,
};

export interface TcpNode {
  readonly bus: TcpBus;
  readonly mail: Mailbox;
  readonly telemetry: RecordedTelemetry;
}

export const CLUSTER = 'the cluster';

/** Opens a bus on loopback; `peers` gives the port of each other node. */
export async function openTcpNode(
  self: NodeId,
  port: number,
  peers: Readonly<Record<NodeId, number>>,
  overrides: Partial<TcpBusOptions> = {},
): Promise<TcpNode> {
  const mail = createMailbox();
  const telemetry = recordTelemetry();
  const addresses = Object.entries(peers).map(([id, at]) => [id as NodeId, `127.0.0.1:${at}`] as const);
  const bus = await openTcpBus(
    {
      ...{ self, port, clusterId: () => CLUSTER, incarnation: 1, epoch: () => 1, host: '127.0.0.1' },
      ...{ peers: new Map(addresses), tuning: IMPATIENT, log: telemetry.log, metrics: telemetry.metrics },
      ...overrides,
    },
    mail,
  );
  return { bus, mail, telemetry };
}
