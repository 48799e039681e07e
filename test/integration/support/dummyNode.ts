import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConsulHttp } from '../../../scripts/services/consulHttp.js';

/** What stands where a node would, as far as a balancer can tell. */
export interface DummyNode {
  readonly name: string;
  readonly port: number;
  /** `METHOD path` of everything that came, checks of readiness left out. */
  readonly seen: string[];
  /** How it answers what is not a check; at first with its name. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  ready: boolean;
  close(): Promise<void>;
}

export async function startDummyNode(name: string): Promise<DummyNode> {
  const server = createServer((request, response) => {
    if (request.url === '/ready') {
      response.writeHead(node.ready ? 200 : 503).end();
      return;
    }
    node.seen.push(`${String(request.method)} ${String(request.url)}`);
    node.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const node: DummyNode = {
    name,
    port: (server.address() as AddressInfo).port,
    seen: [],
    answer: (request, response) => {
      request.resume().once('end', () => response.end(name));
    },
    ready: true,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return node;
}

/** Puts it into Consul's catalogue, as a node of Rondo does. */
export async function register(consul: ConsulHttp, { name, port }: DummyNode): Promise<void> {
  const service = { Name: 'rondo', ID: name, Address: '127.0.0.1', Port: port };
  await consul.call('PUT', '/v1/agent/service/register', service);
}
