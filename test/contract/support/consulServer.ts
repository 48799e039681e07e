import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Consul,
  type ConsulOptions,
  consulPorts,
  startConsul,
} from '../../../scripts/services/consul.js';
import { type PortBlock, reservePorts } from '../../../scripts/support/ports.js';

/** A real Consul for one suite, in a folder of its own, and something that its checks find alive. */
export interface TestConsul {
  /** As it runs now. */
  readonly server: Consul;
  readonly folder: string;
  /** Where the checks look. */
  readonly httpAddress: string;
  /** Without a word to anybody. */
  kill(): Promise<void>;
  /** On the same ports, with the same data; nothing where it runs. */
  start(): Promise<void>;
  /** Loses all that it knows. */
  wipe(): Promise<void>;
  dispose(): Promise<void>;
}

export async function startTestConsul(
  options: (folder: string) => Partial<ConsulOptions> = () => ({}),
): Promise<TestConsul> {
  const folder = mkdtempSync(join(tmpdir(), 'rondo-consul-'));
  const block = await reservePorts();
  const living = createServer((_, response) => response.end('{}'));
  await new Promise<void>((resolve) => living.listen(0, '127.0.0.1', resolve));
  const launch = (): Promise<Consul> =>
    startConsul({ folder, ports: consulPorts(block.first), ...options(folder) });
  let server: Consul | undefined = await launch();
  let last = server;

  async function kill(): Promise<void> {
    server?.kill('SIGKILL');
    await server?.stop();
    server = undefined;
  }

  async function start(): Promise<void> {
    server ??= await launch();
    last = server;
  }

  return {
    get server() {
      return last;
    },
    folder,
    httpAddress: `127.0.0.1:${String((living.address() as AddressInfo).port)}`,
    kill,
    start,
    wipe: async () => {
      await kill();
      rmSync(join(folder, 'data'), { recursive: true });
      await start();
    },
    dispose: async () => {
      await kill();
      await ended(living, block);
      rmSync(folder, { recursive: true });
    },
  };
}

async function ended(living: Server, block: PortBlock): Promise<void> {
  living.closeAllConnections();
  await new Promise((resolve) => living.close(resolve));
  await block.release();
}
