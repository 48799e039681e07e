import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * One directed link: whoever connects here is passed on to `target`, until the link is cut. Stands between processes in
 * place of the network; the processes know nothing of it.
 */
export interface TcpProxy {
  /** `host:port` to give to the process whose link this is. */
  readonly address: string;
  /**
   * `reset`: every connection is reset, new ones as soon as they are made. `silent`: nothing passes any more and nobody
   * is told, as when a cable is pulled.
   */
  cut(how: 'reset' | 'silent'): void;
  /** What was held back by a silent cut passes now; connections made during the cut are reset. */
  heal(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket | undefined;
}

/** Listens on a port of the kernel's choice on loopback. `target` is `host:port`. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let state: 'open' | 'reset' | 'silent' = 'open';
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (state === 'reset') {
      resetSocket(near);
      return;
    }
    track(pairs, near, state === 'open' ? connectTo(target) : undefined);
  });
  const port = await listen(server);
  return {
    address: `127.0.0.1:${String(port)}`,
    cut: (how) => {
      state = how;
      if (how === 'reset') destroyAll(pairs);
      else for (const { near, far } of pairs) detach(near, far);
    },
    heal: () => {
      state = 'open';
      for (const pair of pairs) reattach(pair);
    },
    close: async () => {
      destroyAll(pairs);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function connectTo(target: string): Socket {
  const [host = '127.0.0.1', port] = target.split(':');
  return connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
}

function track(pairs: Set<Pair>, near: Socket, far: Socket | undefined): void {
  const pair: Pair = { near, far };
  pairs.add(pair);
  near.setNoDelay(true);
  const drop = (): void => {
    pairs.delete(pair);
    near.destroy();
    far?.destroy();
  };
  for (const socket of far ? [near, far] : [near]) socket.once('close', drop).on('error', drop);
  if (!far) return;
  near.pipe(far);
  far.pipe(near);
}

function detach(near: Socket, far: Socket | undefined): void {
  near.unpipe();
  far?.unpipe();
  near.pause();
  far?.pause();
}

function reattach({ near, far }: Pair): void {
  if (!far) {
    resetSocket(near);
    return;
  }
  near.pipe(far);
  far.pipe(near);
}

function destroyAll(pairs: ReadonlySet<Pair>): void {
  for (const { near, far } of pairs) {
    resetSocket(near);
    if (far) resetSocket(far);
  }
}

/**
 * Node cannot reset a socket that is still sending its end: the handle would never be closed, its file descriptor stays,
 * and the process spins for ever when it exits.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}
