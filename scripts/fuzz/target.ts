import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../support/cleanup.js';
import { COLLECTABLE } from '../support/memory.js';
import { busPort, httpPort, waitForLinks } from '../support/nodes.js';
import { pageAt } from '../support/page.js';
import type { PortBlock } from '../support/ports.js';
import { tailOf, waitUntil } from '../support/processes.js';
import { prepareSeparate, type SeparateNode } from '../support/separate.js';
import { measureNode, type Measure } from './measure.js';

/** Real nodes of the built program that are fuzzed, and what can be told of their health from outside. */
export interface Target {
  readonly httpPorts: readonly number[];
  readonly busPorts: readonly number[];
  /** Nodes of the cluster document; the last ones may have been stopped. */
  readonly ids: readonly string[];
  readonly clusterId: string;
  /** Waits until the nodes have nothing left to do, then looks at what they hold; by node. */
  measure(): Promise<ReadonlyMap<string, Measure>>;
  /** Processes that are gone, and whatever their logs call an error. */
  faults(): string[];
  /** Sum of a metric over the nodes and its series; `label` picks some of these, as `name="value"`. */
  metric(name: string, label?: string): Promise<number>;
}

export interface TargetOptions {
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly nodes: number;
  /** So many of the last nodes are stopped once the cluster is founded: the fuzzer speaks in their name. */
  readonly absent?: number;
}

/** Small, so that the bounds themselves are met often. */
export const VALUE_BYTES_MAX = 256 * 1024;

const REST_TIMEOUT_MS = 60_000;
/** Longer than any request may take, and than refused connections linger. */
const REST_MS = 4000;
const ANSWER_TIMEOUT_MS = 10_000;

/** Gauges of what is under way; all are 0 in a node that rests. */
const UNDER_WAY = ['rondo_live_requests', 'rondo_live_bytes', 'rondo_settling_writes'];

export async function startTarget(options: TargetOptions): Promise<Target> {
  const { folder, ports, cleanup, nodes, absent = 0 } = options;
  const flags = [`--value-bytes-max=${String(VALUE_BYTES_MAX)}`];
  const cluster = await prepareSeparate({ folder, ports, cleanup, nodes, flags, nodeFlags: COLLECTABLE });
  const running = cluster.nodes.slice(0, nodes - absent);
  for (const node of cluster.nodes) node.start();
  // All are needed to found the cluster.
  await cluster.waitReady(REST_TIMEOUT_MS);
  for (const node of cluster.nodes.slice(nodes - absent)) await node.stop();
  const urls = running.map((node) => node.url);
  for (const url of urls) await waitUntil(`${url} answers`, () => answers(`${url}/ready`), REST_TIMEOUT_MS);
  if (absent === 0) await waitForLinks(urls);
  const { document } = JSON.parse(await fetchText(`${urls[0] ?? ''}/cluster`)) as {
    document: { clusterId: string };
  };
  const metric = async (name: string, label = ''): Promise<number> => {
    const pages = await Promise.all(urls.map((url) => fetchText(`${url}/metrics`)));
    return pages.reduce((sum, page) => sum + sumOf(page, name, label), 0);
  };
  const isAtRest = async (): Promise<boolean> => {
    const counts = await Promise.all(UNDER_WAY.map((name) => metric(name)));
    return counts.every((count) => count === 0);
  };
  return {
    httpPorts: running.map((_, index) => httpPort(ports, index)),
    busPorts: running.map((_, index) => busPort(ports, index)),
    ids: cluster.nodes.map((node) => node.id),
    clusterId: document.clusterId,
    metric,
    faults: () => running.flatMap(faultsOf),
    measure: async () => {
      await sleep(REST_MS);
      await waitUntil('the nodes rest', isAtRest, REST_TIMEOUT_MS);
      const measures = new Map<string, Measure>();
      for (const node of running) {
        const own = async (name: string): Promise<number> =>
          sumOf(await fetchText(`${node.url}/metrics`), name, '');
        measures.set(node.id, await measureNode(node.process().pid, own));
      }
      return measures;
    },
  };
}

function faultsOf(node: SeparateNode): string[] {
  const bad = readFileSync(node.outputFile, 'utf8').split('\n').filter(isFaultLine);
  if (node.process().isRunning()) return bad.map((line) => `${node.id} logged: ${line}`);
  return [`${node.id} is gone:\n${tailOf(node.outputFile)}`];
}

/** Logs are JSON; what is not was written by Node itself. */
function isFaultLine(line: string): boolean {
  if (line === '') return false;
  try {
    return (JSON.parse(line) as { level?: unknown }).level === 'error';
  } catch {
    return true;
  }
}

function sumOf(page: string, name: string, label: string): number {
  const values = page.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function answers(url: string): Promise<boolean> {
  return fetchText(url).then(
    () => true,
    () => false,
  );
}

async function fetchText(url: string): Promise<string> {
  const { status, text } = await pageAt(url, ANSWER_TIMEOUT_MS);
  if (status !== 200) throw new Error(`${url} answers ${String(status)}`);
  return text;
}
