import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** A link that can go bad: stands between a bus and the port of another one. */
export interface TcpProxy {
  readonly port: number;
  /** From now on nothing is read from either side and new connections hear nothing; both sockets stay open. */
  stall(): void;
  /** Ends what was stalled; new connections pass again. */
  heal(): void;
  /** Connections of either side that are open here. */
  openSockets(): number;
  close(): Promise<void>;
}

export interface TcpProxyOptions {
  readonly targetPort: number;
  /** Sees what the dialling side sent, and gives what is passed on. */
  readonly onUpstream?: (data: Buffer, connection: number) => Buffer;
}

export async function openTcpProxy({ targetPort, onUpstream }: TcpProxyOptions): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let stalled = false;
  let connections = 0;

  function adopt(socket: Socket, other: () => Socket): void {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      other().destroy();
    });
  }

  const server = createServer((near) => {
    const number = ++connections;
    const far = connect(targetPort, '127.0.0.1');
    adopt(near, () => far);
    adopt(far, () => near);
    near.on('data', (data: Buffer) => far.write(onUpstream?.(data, number) ?? data));
    far.on('data', (data: Buffer) => near.write(data));
    if (stalled) near.pause();
    if (stalled) far.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    stall: () => {
      stalled = true;
      for (const socket of sockets) socket.pause();
    },
    heal: () => {
      stalled = false;
      for (const socket of sockets) socket.destroy();
    },
    openSockets: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Between those of scripts/support/ports.ts and those that the kernel gives to outgoing connections. */
const PORTS = { first: 30_000, perWorker: 300 } as const;
let lastPort = 0;

/**
 * A port of loopback that is free: never one twice in a process soon, nor one of another test worker, and none of those
 * of outgoing connections, or a bus that dials it all the time would be given it for itself.
 */
export async function freePort(): Promise<number> {
  const worker = Number(process.env['JEST_WORKER_ID'] ?? 1) % 9;
  for (;;) {
    const port = PORTS.first + worker * PORTS.perWorker + (lastPort++ % PORTS.perWorker);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
