import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { environment } from '../../services/node/config.js';
import { urlsOf, type Place } from '../services/local.js';
import { builtProgram } from '../support/nodes.js';
import { pageAt } from '../support/page.js';

/** The nodes of `npm run cluster`: `rondo start`, told where the services are. */
export interface NodesGroup {
  /** The exit code of `rondo start`; never rejects. */
  readonly ended: Promise<number>;
  /** Has all nodes stopped in order. Idempotent. */
  stop(): void;
}

const ENDPOINT_TIMEOUT_MS = 90_000;
const ENDPOINT_POLL_MS = 250;

/** Starts them, and says when the endpoint takes requests. */
export function startNodes(place: Place, args: readonly string[]): NodesGroup {
  const command = [join(builtProgram(), 'services/cli/main.js'), 'start', ...args];
  const env = { ...environment(), ...serviceVariables(place.folder) };
  const child = spawn(process.execPath, command, { stdio: 'inherit', env });
  const ending = new AbortController();
  const ended = new Promise<number>((resolve) => {
    const end = (code: number): void => {
      ending.abort();
      resolve(code);
    };
    child.once('exit', (code) => end(code ?? 1));
    child.once('error', () => end(1));
  });
  void sayWhenServing(place, ending.signal);
  return { ended, stop: () => void child.kill('SIGTERM') };
}

/** The names are those of the settings of a node. */
function serviceVariables(folder: string): Readonly<Record<string, string>> {
  const [brokerUrl = ''] = urlsOf(folder, 'rabbitmq');
  const [consulUrl = ''] = urlsOf(folder, 'consul');
  return {
    RONDO_BUS: 'amqp',
    RONDO_BROKER_URLS: brokerUrl,
    RONDO_MEMBERSHIP: 'consul',
    RONDO_CONSUL_URL: consulUrl,
  };
}

async function sayWhenServing({ folder, say }: Place, ending: AbortSignal): Promise<void> {
  const [url = '', statsUrl = ''] = urlsOf(folder, 'haproxy');
  const deadline = performance.now() + ENDPOINT_TIMEOUT_MS;
  while (!(await isReady(url))) {
    if (ending.aborted) return;
    if (performance.now() > deadline) {
      say(`${url} (HAProxy) still knows of no node: are they in Consul? ${statsUrl} shows what it sees`);
      return;
    }
    await sleep(ENDPOINT_POLL_MS);
  }
  if (!ending.aborted) say(`endpoint ${url} (HAProxy, all nodes)  ${statsUrl} shows what it sees`);
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await pageAt(`${url}/ready`, 2000)).status === 200;
  } catch {
    return false;
  }
}
