import type { Command } from 'commander';
import { CliError, EXIT, usageError, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import { createClient } from '../http/client.js';
import type { DocumentView } from '../view/cluster.js';
import { askCluster, type ClusterReport } from '../view/reports.js';
import { counted, printable } from '../view/text.js';

interface RemoveOptions {
  readonly acceptLoss?: boolean;
  readonly yes?: boolean;
}

const HELP = `
For a node that will never come back. It is taken out of every replica set; the sets stay smaller until a ring change
refills them, and what only that node held is given up. Its directory must not be started again. A node that runs is
refused: stop it first. Moving the data off a node that is well comes with ring changes, and is not this command.

Examples:
  rondo remove node3                     # refuses, and shows what would be lost
  rondo remove node3 --accept-loss       # asks before it does so
  rondo remove node3 --accept-loss --yes # for scripts`;

export function removeCommand(maker: CommandMaker): Command {
  return newCommand('remove', 'Give up a node that is lost for good.')
    .argument('<node>', 'its id, as `rondo nodes` shows it')
    .option('--accept-loss', 'what only this node holds is given up')
    .option('--yes', 'do not ask')
    .addHelpText('after', HELP)
    .action(action(maker, remove));
}

async function remove(context: Context, [node = '']: readonly string[], command: Command): Promise<ExitCode> {
  const { acceptLoss, yes } = command.opts<RemoveOptions>();
  const cluster = await askCluster(context);
  const { document } = cluster;
  if (!document.nodes.some(({ id }) => id === node)) {
    const ids = document.nodes.map(({ id }) => printable(id)).join(', ');
    throw usageError(`the cluster has no node ${printable(node)}`, `Its nodes are: ${ids}`);
  }
  const loss = lossOf(cluster, node);
  const plan = planLines(document, node, loss);
  if (acceptLoss !== true) throw unaccepted(plan);
  refuseRunning(cluster, node);
  if (!context.json) context.terminal.writeErr(`${plan.join('\n')}\n`);
  if (yes !== true) await confirm(context, node);
  return carryOut(context, cluster, node, loss);
}

/** Partitions, by what is left of them without the node. */
interface Loss {
  readonly partitions: number;
  /** No complete replica is left: what only the node held is gone for good. */
  readonly lost: number;
  /** Complete replicas are left, none of which answers now. */
  readonly away: number;
}

function lossOf({ document, reports }: ClusterReport, node: string): Loss {
  const answers = new Set(reports.flatMap((report) => ('view' in report ? [report.id] : [])));
  const sets = document.placement.map(({ now }) => now.flatMap((index) => document.nodes[index] ?? []));
  const held = sets.filter((set) => set.some(({ id }) => id === node));
  const left = held.map((set) => set.filter(({ id, state }) => id !== node && state === 'complete'));
  return {
    partitions: held.length,
    lost: left.filter((set) => set.length === 0).length,
    away: left.filter((set) => set.length > 0 && !set.some(({ id }) => answers.has(id))).length,
  };
}

function planLines({ epoch }: DocumentView, node: string, { partitions, lost, away }: Loss): string[] {
  const name = printable(node);
  return [
    `${name} is taken out of the cluster (epoch ${epoch}): ${counted(partitions, 'replica set')} lose it, and stay smaller.`,
    lost > 0
      ? `${counted(lost, 'partition')} have NO complete replica without it: what only ${name} holds of them is LOST.`
      : 'Every partition keeps a complete replica.',
    ...(away > 0
      ? [`Of ${counted(away, 'partition')} no other complete replica answers now: start those nodes first.`]
      : []),
    `Writes that only ${name} has stored (minNumWrites 1) are lost. Its directory must not be started again.`,
  ];
}

function unaccepted(plan: readonly string[]): CliError {
  return new CliError({
    code: 'loss_not_accepted',
    exit: EXIT.usage,
    message: `nothing was done. What would happen:\n  ${plan.join('\n  ')}\nIt is for a node that is lost for good; moving data off a node that is well comes with ring changes`,
    hint: 'If that is meant, repeat it with --accept-loss',
    outcome: 'none',
  });
}

/** The node that is asked refuses too, but sees only its own side of the network. */
function refuseRunning({ reports }: ClusterReport, node: string): void {
  const seen = reports.flatMap((report) => {
    if (!('view' in report)) return [];
    if (report.id === node) return ['it answers'];
    const liveness = report.view.liveness[node] ?? 'unknown';
    return liveness === 'dead' ? [] : [`${printable(report.id)} takes it for ${printable(liveness)}`];
  });
  if (seen.length === 0) return;
  throw new CliError({
    code: 'node_in_use',
    exit: EXIT.conflict,
    message: `${printable(node)} is not dead (${seen.join(', ')}), and only a dead node is removed`,
    hint: 'Stop it, and wait until `rondo nodes` shows it as dead',
    outcome: 'none',
  });
}

async function confirm({ terminal, json }: Context, node: string): Promise<void> {
  if (json || !terminal.inIsTty) {
    throw usageError('there is nobody to ask', 'Repeat it with --yes if it is meant');
  }
  const answer = await terminal.ask(`Type the node's name to remove it: `);
  if (answer.trim() !== node) throw usageError('nothing was done: that is not its name');
}

/** Any node but the lost one will do, also where --url names only that. */
async function carryOut(
  context: Context,
  cluster: ClusterReport,
  node: string,
  loss: Loss,
): Promise<ExitCode> {
  const [{ nodeUrl }, { parseRemove }] = await Promise.all([
    import('../view/cluster.js'),
    import('../view/steering.js'),
  ]);
  const urls = cluster.reports.flatMap((report) => ('view' in report ? [nodeUrl(report.address)] : []));
  const [first, ...others] = urls;
  if (!first) throw new CliError({ code: 'unreachable', exit: EXIT.unavailable, message: 'no node answers' });
  // The register takes up to 10 s to say that no majority agrees.
  const timeoutMs = Math.max(context.timeoutMs, 15_000);
  const { token } = context;
  const client = createClient({ urls: [first, ...others], timeoutMs, token, retryMs: 0 });
  try {
    const { epoch } = parseRemove(await client.remove(node));
    const done = { success: true, node, epoch, partitionsLost: loss.lost };
    const text = `${printable(node)} is no node of the cluster any more (epoch ${epoch}).`;
    context.terminal.writeOut(`${context.json ? JSON.stringify(done) : text}\n`);
    return EXIT.ok;
  } catch (error) {
    throw withAdvice(error);
  } finally {
    client.close();
  }
}

function withAdvice(error: unknown): unknown {
  if (!(error instanceof CliError) || error.failure.code !== 'not_committed') return error;
  const hint = 'A majority of the nodes has to be up and agree; see `rondo nodes`, then repeat it';
  return new CliError({ ...error.failure, hint });
}
