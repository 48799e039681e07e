import { randomBytes } from 'node:crypto';
import { openAmqpBus } from '../../services/node/adapters/amqp-bus.js';
import { A, B, type BusHarness, C, D, describeBus } from '../contract/bus.js';
import { openTcpProxy } from '../contract/support/tcpProxy.js';
import { silentTelemetry } from '../contract/support/telemetry.js';
import { type SharedBroker, useBroker } from './support/broker.js';
import { describeWithServices } from './support/required.js';

/** Silence is noticed sooner than in a cluster, so that the suite need not wait for it. */
const TUNING = { heartbeatMs: 200, silenceMs: 2000 };

async function createHarness(shared: SharedBroker, secret?: Uint8Array): Promise<BusHarness> {
  const exchange = `rondo-${randomBytes(4).toString('hex')}`;
  const proxy = await openTcpProxy({ targetPort: shared.port });
  let incarnation = 0;
  return {
    needsNoAddress: true,
    open: (self, mailbox) =>
      openAmqpBus(
        {
          ...{ self, clusterId: () => 'cluster', incarnation: ++incarnation, epoch: () => 1, exchange },
          urls: [shared.urlAt(self === C ? proxy.port : undefined)],
          ...(self === D ? { peers: [], admitsStrangers: true } : { peers: [A, B, C] }),
          tuning: TUNING,
          ...silentTelemetry(),
          ...(secret && { secret }),
        },
        mailbox,
      ),
    addressOf: () => '',
    stallC: () => proxy.stall(),
    dispose: () => proxy.close(),
  };
}

describeWithServices('amqp bus', ['rabbitmq'], () => {
  const shared = useBroker();
  describeBus('amqp', () => createHarness(shared));
  describeBus('amqp with a cluster secret', () => createHarness(shared, Buffer.from('a secret')));
});
