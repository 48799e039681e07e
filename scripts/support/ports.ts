import { createServer, type Server } from 'node:net';
import { readFileSync } from 'node:fs';
import { randomInt } from 'node:crypto';

/**
 * Blocks of neighbouring TCP ports on loopback for processes that are told their ports. They lie below the range from
 * which the kernel takes ports for outgoing connections, so that none is taken between choosing and use; the first port
 * of a block stays bound until the block is released, so that no other run on this machine chooses the same block.
 */
export interface PortBlock {
  /** The first usable port; 15 usable ones follow each other. */
  readonly first: number;
  release(): Promise<void>;
}

const BLOCK_PORTS = 15;

const BLOCK_SIZE = BLOCK_PORTS + 1;
const LOWEST = 10_000;
/** Above are the ports of test/contract. */
const HIGHEST = 30_000;
const ATTEMPTS_MAX = 200;

/** Throws where no block is free after many attempts. */
export async function reservePorts(): Promise<PortBlock> {
  const blocks = Math.floor((firstPortBeyond() - LOWEST) / BLOCK_SIZE);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const start = LOWEST + randomInt(blocks) * BLOCK_SIZE;
    const guard = await bind(start);
    if (!guard) continue;
    if (await allFree(start + 1)) return { first: start + 1, release: () => unbind(guard) };
    await unbind(guard);
  }
  throw new Error('no block of free ports was found');
}

function firstPortBeyond(): number {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    const lowest = Number(text.trim().split(/\s+/)[0]);
    return Math.min(HIGHEST, Math.max(LOWEST + 100 * BLOCK_SIZE, lowest));
  } catch {
    return HIGHEST;
  }
}

async function allFree(first: number): Promise<boolean> {
  const bound = await Promise.all(Array.from({ length: BLOCK_PORTS }, (_, offset) => bind(first + offset)));
  await Promise.all(bound.map((server) => (server ? unbind(server) : Promise.resolve())));
  return bound.every((server) => server !== undefined);
}

function bind(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen(port, '127.0.0.1', () => {
      server.unref();
      resolve(server);
    });
  });
}

function unbind(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
