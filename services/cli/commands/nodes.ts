import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import type { ClusterView } from '../view/cluster.js';
import { askCluster, hintsOf, type ClusterReport, type NodeReport } from '../view/reports.js';
import { clip, count, counted, printable, table, type Align } from '../view/text.js';

const HELP = `
The nodes of the cluster document. "state": what the document says of each; one that is "rebuilding" counts for nothing
until it has compared with all complete nodes that hold something of the same. "alive": what the node that was asked
takes it for. "hints": writes that all nodes together keep for it.
Exits with 0 where every node is complete and alive, else with 4.

Examples:
  rondo nodes
  rondo nodes --json --url http://127.0.0.1:8082`;

export function nodesCommand(maker: CommandMaker): Command {
  return newCommand('nodes', 'List the nodes of the cluster, and how far a rebuild is.')
    .addHelpText('after', HELP)
    .action(action(maker, nodes));
}

/** What is shown of one node. */
interface NodeLine {
  readonly node: string;
  readonly httpAddress: string;
  readonly busAddress: string;
  readonly state: string;
  /** Complete nodes that it has still to compare with, while it is rebuilt and answers. */
  readonly rebuildLeft: readonly string[] | null;
  readonly underway: ClusterView['antiEntropy']['underway'];
  readonly liveness: string;
  readonly hints: number;
  readonly weight: number;
  readonly zone: string;
  readonly actor: string;
}

async function nodes(context: Context): Promise<ExitCode> {
  const cluster = await askCluster(context);
  const lines = nodeLines(cluster);
  const { epoch, clusterId } = cluster.document;
  const isWell = lines.every(({ state, liveness }) => state === 'complete' && isHere(liveness));
  const text = context.json
    ? JSON.stringify({ success: isWell, epoch, clusterId, asked: cluster.asked.node, nodes: lines })
    : drawn(cluster, lines).join('\n');
  context.terminal.writeOut(`${text}\n`);
  return isWell ? EXIT.ok : EXIT.unavailable;
}

function isHere(liveness: string): boolean {
  return liveness === 'alive' || liveness === 'asked';
}

function nodeLines({ asked, document, reports }: ClusterReport): NodeLine[] {
  const { byTarget } = hintsOf(reports);
  return document.nodes.map(({ id, httpAddress, busAddress, state, weight, zone, actor }) => {
    const view = viewOf(reports, id);
    return {
      ...{ node: id, httpAddress, busAddress, state },
      rebuildLeft: view?.rebuild?.left ?? null,
      underway: state === 'rebuilding' ? (view?.antiEntropy.underway ?? null) : null,
      liveness: id === asked.node ? 'asked' : (asked.liveness[id] ?? 'unknown'),
      hints: byTarget[id] ?? 0,
      ...{ weight, zone, actor },
    };
  });
}

function viewOf(reports: readonly NodeReport[], id: string): ClusterView | undefined {
  const report = reports.find((candidate) => candidate.id === id);
  return report && 'view' in report ? report.view : undefined;
}

const HEADINGS = ['node', 'http', 'bus', 'state', 'alive', 'hints', 'weight', 'zone', 'actor'];
const ALIGN: readonly Align[] = HEADINGS.map((heading) =>
  heading === 'hints' || heading === 'weight' ? 'right' : 'left',
);

function drawn({ document }: ClusterReport, lines: readonly NodeLine[]): string[] {
  const complete = lines.filter(({ state }) => state === 'complete').length;
  const head = `epoch ${document.epoch}: ${complete} of ${counted(lines.length, 'node')} complete, ${document.replicas} replicas, cluster ${printable(document.clusterId)}`;
  const rows = lines.map((line) => [
    ...[clip(printable(line.node), 20), clip(printable(line.httpAddress), 24)],
    ...[clip(printable(line.busAddress), 24), printable(line.state), printable(line.liveness)],
    ...[
      count(line.hints),
      String(line.weight),
      clip(printable(line.zone), 10),
      clip(printable(line.actor), 8),
    ],
  ]);
  const remarks = lines.flatMap(remarksOn);
  return [head, '', ...table(HEADINGS, ALIGN, rows), ...(remarks.length > 0 ? ['', ...remarks] : [])];
}

function remarksOn({ node, rebuildLeft, underway }: NodeLine): string[] {
  if (!rebuildLeft) return [];
  const left = rebuildLeft.map(printable).join(', ');
  const now = underway
    ? `; now with ${printable(underway.peer)}, ${counted(underway.partitionsLeft, 'partition')} left, ${counted(underway.keysPulled, 'key')} pulled`
    : '';
  const what = left === '' ? 'has compared with all it needs' : `is rebuilt: still to compare with ${left}`;
  return [`${printable(node)} ${what}${now}.`];
}
