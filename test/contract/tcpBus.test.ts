import { openTcpBus } from '../../services/node/adapters/tcp-bus.js';
import type { TcpBusTuning } from '../../services/node/adapters/tcp-bus/context.js';
import type { NodeId } from '../../services/node/core/types.js';
import { A, B, C, D, describeBus } from './bus.js';
import type { BusHarness } from './bus.js';
import { silentTelemetry } from './support/telemetry.js';
import { freePort, openTcpProxy } from './support/tcpProxy.js';

/** Silence is noticed sooner than in a cluster, so that the suite need not wait for it. */
const TUNING: Partial<TcpBusTuning> = { heartbeatMs: 200, silenceMs: 2000 };

async function createHarness(secret?: Uint8Array): Promise<BusHarness> {
  const ports = {
    [A]: await freePort(),
    [B]: await freePort(),
    [C]: await freePort(),
    [D]: await freePort(),
  };
  const proxy = await openTcpProxy({ targetPort: ports[C]! });
  const peers = new Map<NodeId, string>([
    [A, `127.0.0.1:${ports[A]!}`],
    [B, `127.0.0.1:${ports[B]!}`],
    [C, `127.0.0.1:${proxy.port}`],
  ]);
  let incarnation = 0;
  return {
    open: (self, mailbox) => {
      const port = ports[self]!;
      const identity = { self, clusterId: () => 'cluster', incarnation: ++incarnation, epoch: () => 1 };
      const known = self === D ? { peers: new Map<NodeId, string>(), admitsStrangers: true } : { peers };
      const options = {
        ...identity,
        host: '127.0.0.1',
        port,
        ...known,
        tuning: TUNING,
        ...silentTelemetry(),
      };
      return openTcpBus(secret ? { ...options, secret } : options, mailbox);
    },
    addressOf: (id) => `127.0.0.1:${ports[id]!}`,
    stallC: () => proxy.stall(),
    dispose: () => proxy.close(),
  };
}

describeBus('tcp', () => createHarness());
describeBus('tcp with a cluster secret', () => createHarness(new TextEncoder().encode('a secret')));
