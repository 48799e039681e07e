import type { ClusterDocument } from '../../services/node/core/types.js';
import { pageAt } from './page.js';
import { waitUntil } from './processes.js';

/** What nodes say of themselves, at `/cluster` and `/metrics`. */
export interface NodeView {
  readonly actor: string;
  readonly complete: boolean;
  readonly peers: Readonly<Record<string, string>>;
  readonly liveness: Readonly<Record<string, string>>;
  readonly hints: { readonly total: number; readonly byTarget: Readonly<Record<string, number>> };
  readonly antiEntropy: { readonly treesReady: number };
  readonly document: ClusterDocument;
}

const ANSWER_TIMEOUT_MS = 2000;
const LINKS_TIMEOUT_MS = 30_000;

/** undefined where no answer comes in time: the process is down or frozen. */
export async function viewOf(url: string): Promise<NodeView | undefined> {
  const text = await textAt(`${url}/cluster`);
  return text === undefined ? undefined : (JSON.parse(text) as NodeView);
}

/** Until every node is connected to all others; unlike a read, this is also so where a node is not complete. */
export async function waitForPeers(urls: readonly string[], timeoutMs = LINKS_TIMEOUT_MS): Promise<void> {
  for (const url of urls) {
    const isLinked = async (): Promise<boolean> => {
      const view = await viewOf(url);
      return view !== undefined && Object.values(view.peers).every((state) => state === 'connected');
    };
    await waitUntil(`${url} is connected to all nodes`, isLinked, timeoutMs);
  }
}

export interface HintsKept {
  /** Of the nodes that answered. */
  readonly total: number;
  readonly allAnswered: boolean;
}

export async function hintsKept(urls: readonly string[]): Promise<HintsKept> {
  const views = await Promise.all(urls.map(viewOf));
  return {
    total: views.reduce((sum, view) => sum + (view?.hints.total ?? 0), 0),
    allAnswered: views.every((view) => view !== undefined),
  };
}

/** How often the node's core has seen `fact` since its start. */
export async function factsSeen(url: string, fact: string): Promise<number> {
  return metricOf(url, 'rondo_events_total', { event: fact });
}

/** Sum of the series of `name` that have these labels; 0 where there is none, or the node does not answer. */
export async function metricOf(
  url: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const lines = (await textAt(`${url}/metrics`))?.split('\n') ?? [];
  const series = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const fitting = series.filter((line) => wanted.every((pair) => line.includes(pair)));
  return fitting.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** All counters of the page, by name and labels as Prometheus writes them, the label of the node left out. */
export async function countersOf(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await textAt(`${url}/metrics`);
  if (text === undefined) throw new Error(`${url} gives no metrics`);
  const series = text.split('\n').filter((line) => /^\w+_total[{ ]/.test(line));
  return new Map(
    series.map((line) => {
      const split = line.lastIndexOf(' ');
      return [withoutNode(line.slice(0, split)), Number(line.slice(split + 1))];
    }),
  );
}

function withoutNode(name: string): string {
  const others =
    /\{(.*)\}$/
      .exec(name)?.[1]
      ?.split(',')
      .filter((pair) => !pair.startsWith('node=')) ?? [];
  return name.replace(/\{.*/, '') + (others.length > 0 ? `{${others.join(',')}}` : '');
}

async function textAt(url: string): Promise<string | undefined> {
  try {
    const { status, text } = await pageAt(url, ANSWER_TIMEOUT_MS);
    return status === 200 ? text : undefined;
  } catch {
    return undefined;
  }
}
