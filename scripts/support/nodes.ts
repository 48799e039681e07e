import { join } from 'node:path';
import { pageAt } from './page.js';
import type { PortBlock } from './ports.js';
import { tailOf, waitUntil } from './processes.js';

/** What the two ways to run a cluster have in common: places, names and waiting. */

/** Where the built program lies; scripts are started from the package's folder. */
export function builtProgram(): string {
  return join(process.cwd(), 'dist');
}

const BUS_PORT_OFFSET = 5;

/** Most nodes that fit into one block of ports. */
const NODES_MAX = BUS_PORT_OFFSET;

export function nodeIds(nodes: number): readonly string[] {
  if (nodes > NODES_MAX) throw new Error(`a block of ports is enough for ${String(NODES_MAX)} nodes`);
  return Array.from({ length: nodes }, (_, index) => `node${String(index + 1)}`);
}

export function httpPort(ports: PortBlock, index: number): number {
  return ports.first + index;
}

export function busPort(ports: PortBlock, index: number): number {
  return ports.first + BUS_PORT_OFFSET + index;
}

export function urlOf(ports: PortBlock, index: number): string {
  return `http://127.0.0.1:${String(httpPort(ports, index))}`;
}

const READY_TIMEOUT_MS = 30_000;

/** Waits until every URL says that it takes traffic; the error shows the end of `outputFile`. */
export async function waitForReady(
  urls: readonly string[],
  outputFile: string,
  timeoutMs = READY_TIMEOUT_MS,
): Promise<void> {
  try {
    for (const url of urls) await waitUntil(`${url} is ready`, () => isReady(url), timeoutMs);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n${tailOf(outputFile)}`);
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const { status } = await pageAt(`${url}/ready`, 2000);
    return status === 200;
  } catch {
    return false;
  }
}

/** Until all nodes hear each other: a read that needs `nodes` of them is answered through every URL. */
export async function waitForLinks(urls: readonly string[], timeoutMs = READY_TIMEOUT_MS): Promise<void> {
  for (const url of urls) {
    await waitUntil(`${url} reaches all nodes`, () => isAnswered(url, urls.length), timeoutMs);
  }
}

async function isAnswered(url: string, reads: number): Promise<boolean> {
  try {
    const probe = `${url}/storage/cHJvYmU?minNumReads=${String(reads)}`;
    const { status } = await pageAt(probe, 10_000);
    return status === 200 || status === 404;
  } catch {
    return false;
  }
}
