import { openTcpBus } from '../../../services/node/adapters/tcp-bus.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { silentTelemetry } from './telemetry.js';

/**
 * Child process of the bus tests: node b, which answers each ping of node a. Arguments: own port, a's port, and how many
 * pings to answer before it closes its bus and has nothing left to do.
 */

const [port = '', peerPort = '', pings = ''] = process.argv.slice(2);
let left = Number(pings);

const bus = await openTcpBus(
  {
    ...{ self: 'b' as NodeId, clusterId: () => 'the cluster', incarnation: 1, epoch: () => 1 },
    ...{ host: '127.0.0.1', port: Number(port), ...silentTelemetry() },
    peers: new Map([['a' as NodeId, `127.0.0.1:${peerPort}`]]),
    tuning: { heartbeatMs: 100, silenceMs: 1000 },
  },
  {
    onMessage: (from, message) => {
      bus.send(from, { type: 'pong', request: message.request, epoch: 1, heights: [] }, 1000);
      if (--left === 0) void bus.close();
    },
    onUnroutable: () => undefined,
  },
);
