import { failureOf } from '../failure.js';
import type { Context } from '../host.js';
import { createClient, type StoreClient } from '../http/client.js';
import type { ClusterView, DocumentView } from './cluster.js';

/** What one node says of itself, or why it says nothing. */
export type NodeReport =
  | { readonly id: string; readonly address: string; readonly view: ClusterView }
  | { readonly id: string; readonly address: string; readonly unreachable: string };

export interface ClusterReport {
  /** The node that was asked first. */
  readonly asked: ClusterView;
  /** The newest that any node has. */
  readonly document: DocumentView;
  /** Of every node of that document, in its order. */
  readonly reports: readonly NodeReport[];
}

/** Asks a node, by the client, for the cluster document, and then every node that it lists. */
export async function askCluster(
  context: Context,
  client: StoreClient = context.connect(),
): Promise<ClusterReport> {
  // Loaded here, for reading a key should not wait for it.
  const { parseCluster } = await import('./cluster.js');
  const asked = parseCluster(await client.cluster());
  const reports = await askNodes(asked.document, context);
  const newest = reports.reduce(
    (document, report) =>
      'view' in report && report.view.document.epoch > document.epoch ? report.view.document : document,
    asked.document,
  );
  const isNews = newest.epoch > asked.document.epoch;
  return {
    asked,
    document: newest,
    reports: isNews ? await askNodes(newest, context) : reports,
  };
}

type AskingHow = Pick<Context, 'timeoutMs' | 'token'>;

async function askNodes({ nodes }: DocumentView, how: AskingHow): Promise<readonly NodeReport[]> {
  const { parseCluster } = await import('./cluster.js');
  return Promise.all(
    nodes.map(async ({ id, httpAddress: address }): Promise<NodeReport> => {
      try {
        return { id, address, view: parseCluster(await askNode(address, how, (c) => c.cluster())) };
      } catch (error) {
        return { id, address, unreachable: failureOf(error).message };
      }
    }),
  );
}

/** One call to exactly this node. */
export async function askNode<T>(
  address: string,
  { timeoutMs, token }: AskingHow,
  call: (client: StoreClient) => Promise<T>,
): Promise<T> {
  const { nodeUrl } = await import('./cluster.js');
  const client = createClient({ urls: [nodeUrl(address)], timeoutMs, token, retryMs: 0 });
  try {
    return await call(client);
  } finally {
    client.close();
  }
}

/** What the nodes that answered keep together, by target in order of ids. */
export function hintsOf(reports: readonly NodeReport[]): ClusterView['hints'] {
  const kept = reports.flatMap((report) =>
    'view' in report ? Object.entries(report.view.hints.byTarget) : [],
  );
  const byTarget: Record<string, number> = {};
  for (const [target, hints] of kept.sort(([a], [b]) => (a < b ? -1 : 1))) {
    byTarget[target] = (byTarget[target] ?? 0) + hints;
  }
  return { total: kept.reduce((sum, [, hints]) => sum + hints, 0), byTarget };
}
