import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import type { ClusterView } from '../view/cluster.js';
import { askCluster, hintsOf, type NodeReport } from '../view/reports.js';
import { clip, count, counted, printable, table } from '../view/text.js';

const HELP = `
Asks every node of the cluster document. "peers" counts the other nodes that this one is connected to, "alive" those
that it takes for alive; "hints" are keys whose records it keeps for nodes that it could not reach.
Exits with 0 only where every node is ready.`;

export function statusCommand(maker: CommandMaker): Command {
  return newCommand('status', 'Show how every node of the cluster is.')
    .addHelpText('after', HELP)
    .action(action(maker, status));
}

async function status(context: Context): Promise<ExitCode> {
  const { document, reports } = await askCluster(context);
  const allReady = reports.every((report) => 'view' in report && report.view.ready);
  if (context.json) context.terminal.writeOut(`${statusJson(allReady, document.clusterId, reports)}\n`);
  else context.terminal.writeOut(`${statusLines(document, reports).join('\n')}\n`);
  return allReady ? EXIT.ok : EXIT.unavailable;
}

function statusJson(ready: boolean, clusterId: string, reports: readonly NodeReport[]): string {
  const nodes = reports.map((report) => {
    const { id: node, address } = report;
    if (!('view' in report)) return { node, address, state: 'unreachable', reason: report.unreachable };
    const { complete, actor, incarnation, document, peers, liveness, hints, storage, live } = report.view;
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
      liveness,
      hints,
    };
  });
  return JSON.stringify({ success: ready, clusterId, hints: hintsOf(reports), nodes });
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
  'alive',
  'hints',
];
const ALIGN = HEADINGS.map((heading) =>
  ['node', 'address', 'state', 'complete', 'actor'].includes(heading) ? 'left' : 'right',
);

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
  const { complete, document, actor, live, storage, peers, liveness, hints } = report.view;
  return [
    ...start,
    complete ? 'yes' : 'no',
    String(document.epoch),
    clip(printable(actor), 8),
    count(live.requests),
    count(storage.sequence),
    count(storage.damaged),
    shareOf(peers, 'connected'),
    shareOf(liveness, 'alive'),
    count(hints.total),
  ];
}

/** How many of the others are seen as `wanted`. */
function shareOf(seen: Readonly<Record<string, string>>, wanted: string): string {
  const states = Object.values(seen);
  return `${states.filter((state) => state === wanted).length}/${states.length}`;
}

function remarksOn(report: NodeReport): string[] {
  const id = printable(report.id);
  if (!('view' in report)) return [`${id}: ${printable(report.unreachable)}.`];
  const { damaged } = report.view.storage;
  const { byTarget } = report.view.hints;
  return [
    ...sightings(report.view).map((seen) => `${id} ${seen}.`),
    ...Object.entries(byTarget).map(
      ([target, hints]) => `${id} keeps ${counted(hints, 'hint')} for ${printable(target)}.`,
    ),
    ...registryRemarks(report.view).map((remark) => `${id} ${remark}.`),
    ...(damaged > 0
      ? [`${id} has quarantined ${counted(damaged, 'damaged record')}; its log says which.`]
      : []),
  ];
}

const STANDINGS: Readonly<Record<string, string>> = {
  lost: 'misses the cluster document in Consul; it is written anew once a majority of the nodes answers',
  foreign: 'finds the document of another cluster in Consul, and leaves it alone: look at --consul-name',
};

/** What is not as it should be between the node and Consul, where it uses it; only changes of the cluster need that. */
function registryRemarks({ registry }: ClusterView): string[] {
  if (!registry) return [];
  const { reachable, registered, store, checks } = registry;
  if (!reachable) return ['does not reach Consul'];
  const failing = Object.keys(checks).filter((node) => checks[node] === false);
  return [
    ...(registered ? [] : ['is not registered in Consul yet']),
    ...(STANDINGS[store] ? [STANDINGS[store]] : []),
    ...failing.map((node) => `hears from Consul that ${printable(node)} does not pass its check`),
  ];
}

/** One remark on each node that is not as it should be, by the bus or by what the node takes it for. */
function sightings({ peers, liveness }: ClusterView): string[] {
  const others = [...new Set([...Object.keys(peers), ...Object.keys(liveness)])];
  return others.flatMap((other) => {
    const [state, taken] = [peers[other] ?? 'connected', liveness[other] ?? 'alive'];
    const sees = state === 'connected' ? [] : [`sees ${printable(other)} as ${printable(state)}`];
    const whom = sees.length > 0 ? 'it' : printable(other);
    const takes = taken === 'alive' ? [] : [`takes ${whom} for ${printable(taken)}`];
    const said = [...sees, ...takes].join(' and ');
    return said === '' ? [] : [said];
  });
}
