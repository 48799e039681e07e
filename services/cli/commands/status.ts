import type { Command } from 'commander';
import { EXIT, failureOf, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import { createClient } from '../http/client.js';
import type { ClusterView } from '../view/cluster.js';
import { clip, count, counted, printable, table } from '../view/text.js';

/** What one node says of itself, or why it says nothing. */
type NodeReport =
  | { readonly id: string; readonly address: string; readonly view: ClusterView }
  | { readonly id: string; readonly address: string; readonly unreachable: string };

const HELP = `
Asks every node of the cluster document. "peers" counts the other nodes that this one is connected to.
Exits with 0 only where every node is ready.`;

export function statusCommand(maker: CommandMaker): Command {
  return newCommand('status', 'Show how every node of the cluster is.')
    .addHelpText('after', HELP)
    .action(action(maker, status));
}

async function status(context: Context): Promise<ExitCode> {
  // Loaded here, for reading a key should not wait for it.
  const { parseCluster, nodeUrl } = await import('../view/cluster.js');
  const { document } = parseCluster(await context.connect().cluster());
  const reports = await Promise.all(
    document.nodes.map(async ({ id, httpAddress }): Promise<NodeReport> => {
      const client = createClient({ urls: [nodeUrl(httpAddress)], timeoutMs: context.timeoutMs, retryMs: 0 });
      try {
        return { id, address: httpAddress, view: parseCluster(await client.cluster()) };
      } catch (error) {
        return { id, address: httpAddress, unreachable: failureOf(error).message };
      } finally {
        client.close();
      }
    }),
  );
  const allReady = reports.every((report) => 'view' in report && report.view.ready);
  if (context.json) context.terminal.writeOut(`${statusJson(allReady, document.clusterId, reports)}\n`);
  else context.terminal.writeOut(`${statusLines(document, reports).join('\n')}\n`);
  return allReady ? EXIT.ok : EXIT.unavailable;
}

function statusJson(ready: boolean, clusterId: string, reports: readonly NodeReport[]): string {
  const nodes = reports.map((report) => {
    const { id: node, address } = report;
    if (!('view' in report)) return { node, address, state: 'unreachable', reason: report.unreachable };
    const { complete, actor, incarnation, document, peers, storage, live } = report.view;
    return {
      node,
      address,
      state: stateOf(report),
      complete,
      epoch: document.epoch,
      actor,
      incarnation,
      live,
      storage,
      peers,
    };
  });
  return JSON.stringify({ success: ready, clusterId, nodes });
}

const HEADINGS = [
  'node',
  'address',
  'state',
  'complete',
  'epoch',
  'actor',
  'live',
  'sequence',
  'damaged',
  'peers',
];
const ALIGN = ['left', 'left', 'left', 'left', 'right', 'left', 'right', 'right', 'right', 'right'] as const;

/** The table of all nodes, and under it what a table cannot hold. */
function statusLines(document: ClusterView['document'], reports: readonly NodeReport[]): string[] {
  const ready = reports.filter((report) => stateOf(report) === 'ready').length;
  const head = `${ready} of ${counted(reports.length, 'node')} ready, ${document.replicas} replicas, cluster ${printable(document.clusterId)}`;
  const remarks = reports.flatMap(remarksOn);
  return [
    head,
    '',
    ...table(HEADINGS, ALIGN, reports.map(row)),
    ...(remarks.length > 0 ? ['', ...remarks] : []),
  ];
}

function stateOf(report: NodeReport): 'ready' | 'not ready' | 'unreachable' {
  if (!('view' in report)) return 'unreachable';
  return report.view.ready ? 'ready' : 'not ready';
}

function row(report: NodeReport): string[] {
  const start = [clip(printable(report.id), 20), clip(printable(report.address), 24), stateOf(report)];
  if (!('view' in report)) return [...start, ...HEADINGS.slice(3).map(() => '-')];
  const { complete, document, actor, live, storage, peers } = report.view;
  const states = Object.values(peers);
  const connected = states.filter((state) => state === 'connected').length;
  return [
    ...start,
    complete ? 'yes' : 'no',
    String(document.epoch),
    clip(printable(actor), 8),
    count(live.requests),
    count(storage.sequence),
    count(storage.damaged),
    `${connected}/${states.length}`,
  ];
}

function remarksOn(report: NodeReport): string[] {
  const id = printable(report.id);
  if (!('view' in report)) return [`${id}: ${printable(report.unreachable)}.`];
  const away = Object.entries(report.view.peers).filter(([, state]) => state !== 'connected');
  const damaged = report.view.storage.damaged;
  return [
    ...away.map(([peer, state]) => `${id} sees ${printable(peer)} as ${printable(state)}.`),
    ...(damaged > 0
      ? [`${id} has quarantined ${counted(damaged, 'damaged record')}; its log says which.`]
      : []),
  ];
}
