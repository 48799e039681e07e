import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { passingNodes } from './catalogue.js';
import type { Stack } from './stack.js';
import type { Struck } from './struck.js';

/**
 * Consul itself looks, every second, and finds the victim well and ill in turn. It is a further check of the same service:
 * one in the place of the node's own would be set right by the node, and HAProxy, which looks for itself, would be struck too.
 */
const CHECK = 'flapping';
const LOOK_MS = 200;

export async function flapCheck(stack: Stack, ms: number): Promise<Struck> {
  const { victim, cluster } = stack;
  let looks = 0;
  const server = createServer((_request, response) => {
    response.writeHead(looks++ % 2 === 0 ? 503 : 200).end();
  });
  const url = await listen(server);
  try {
    const { http } = stack.consul();
    const check = {
      ID: CHECK,
      Name: CHECK,
      ServiceID: victim.id,
      HTTP: url,
      Interval: '1s',
      Status: 'passing',
    };
    await http.call('PUT', '/v1/agent/check/register', check);
    const changes = await watchChanges(() => passingNodes(http), ms);
    await http.call('PUT', `/v1/agent/check/deregister/${CHECK}`);
    const enough = Math.floor(ms / 1000 / 2);
    return {
      figures: [
        ['times that Consul looked', looks],
        [`changes of ${victim.id} in the catalogue`, changes],
      ],
      broken:
        changes >= enough
          ? []
          : [
              `${String(changes)} changes in the catalogue are no flapping of one of ${String(cluster.nodes.length)}`,
            ],
    };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function watchChanges(look: () => Promise<number | undefined>, ms: number): Promise<number> {
  const endMs = performance.now() + ms;
  let changes = 0;
  let last = await look();
  while (performance.now() < endMs) {
    await sleep(LOOK_MS);
    const now = await look();
    if (now !== last) changes++;
    last = now;
  }
  return changes;
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`);
    });
  });
}
