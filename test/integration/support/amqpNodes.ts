import { type AmqpBusOptions, openAmqpBus } from '../../../services/node/adapters/amqp-bus.js';
import type { AmqpBusTuning } from '../../../services/node/adapters/amqp-bus/context.js';
import type { NodeId } from '../../../services/node/core/types.js';
import type { Bus } from '../../../services/node/ports/bus.js';
import { createMailbox, type Mailbox } from '../../contract/support/mailbox.js';
import { recordTelemetry, type RecordedTelemetry } from '../../contract/support/telemetry.js';

export interface AmqpNode {
  readonly bus: Bus;
  readonly mail: Mailbox;
  readonly telemetry: RecordedTelemetry;
}

/** Patience of a tenth of a cluster's: tests wait for its end. */
export const IMPATIENT: Partial<AmqpBusTuning> = {
  heartbeatMs: 50,
  silenceMs: 700,
  connectMs: 400,
  brokerRetryMsMin: 50,
  brokerRetryMsMax: 200,
};

/** A node of the cluster that `options` make; it knows `peers`, and hears everybody. */
export async function openAmqpNode(
  self: NodeId,
  peers: readonly NodeId[],
  options: Pick<AmqpBusOptions, 'urls' | 'exchange'> & Partial<AmqpBusOptions>,
): Promise<AmqpNode> {
  const mail = createMailbox();
  const telemetry = recordTelemetry();
  const bus = await openAmqpBus(
    {
      ...{ self, peers, clusterId: () => 'the cluster', incarnation: 1, epoch: () => 1 },
      ...{ admitsStrangers: true, tuning: IMPATIENT, log: telemetry.log, metrics: telemetry.metrics },
      ...options,
    },
    mail,
  );
  return { bus, mail, telemetry };
}
