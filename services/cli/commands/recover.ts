import type { Command } from 'commander';
import type { RecoveryPlan, RecoveryRequest } from '../../node/recovery.js';
import { CliError, EXIT, usageError, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import { counted, printable } from '../view/text.js';

interface RecoverOptions {
  readonly dataDir: string;
  readonly lost?: readonly string[];
  readonly document?: string;
  readonly acceptLoss?: boolean;
  readonly yes?: boolean;
}

const HELP = `
For a cluster that has lost so many nodes for good that no majority is left; as long as there is one, use \`rondo remove\`.
The survivors go on as a new cluster with a new id, and the lost nodes are turned away should they ever come back. What only
these held is given up. It works on the files of a node that does not run:

  1. Stop all survivors.
  2. Run the same command on the data directory of each; all have to print the same cluster id.
  3. Start them as before.

Where they print different ids, the survivors had documents of different epochs (it prints them): the one with the highest
epoch counts. Copy its cluster.json, and have every other survivor adopt that with --document.

Examples:
  rondo recover --data-dir data/node1 --lost node3,node4,node5                # refuses, and shows what would be lost
  rondo recover --data-dir data/node1 --lost node3,node4,node5 --accept-loss  # asks before it does so
  rondo recover --data-dir data/node2 --document copy-of-cluster.json --accept-loss --yes`;

export function recoverCommand(maker: CommandMaker): Command {
  return newCommand('recover', 'Make a new cluster of the survivors where no majority is left.')
    .requiredOption('--data-dir <dir>', 'the data directory of a survivor that does not run')
    .option(
      '--lost <nodes>',
      'ids of nodes that are lost for good; repeatable or comma-separated',
      idList,
      [],
    )
    .option(
      '--document <file>',
      'adopt this copy of the cluster.json of a survivor that is recovered already',
    )
    .option('--accept-loss', 'what only the lost nodes hold is given up')
    .option('--yes', 'do not ask')
    .addHelpText('after', HELP)
    .action(action(maker, recover));
}

function idList(text: string, before: readonly string[] = []): string[] {
  const ids = text.split(',').map((id) => id.trim());
  return [...new Set([...before, ...ids.filter((id) => id !== '')])];
}

async function recover(context: Context, _args: readonly string[], command: Command): Promise<ExitCode> {
  const { dataDir, lost = [], document: documentFile, acceptLoss, yes } = command.opts<RecoverOptions>();
  if ((documentFile === undefined) === (lost.length === 0)) {
    throw usageError('say either who is --lost, or which --document to adopt', 'See --help');
  }
  const plan = await planOf({ dataDir, lost, documentFile });
  if (!plan.isDone) {
    const lines = planLines(plan);
    if (acceptLoss !== true) throw unaccepted(lines);
    if (!context.json) context.terminal.writeErr(`${lines.join('\n')}\n`);
    if (yes !== true) await confirm(context, plan.node);
    await translated(plan.carryOut());
  }
  report(context, plan);
  return EXIT.ok;
}

/** Other commands need no database. */
async function planOf(request: RecoveryRequest): Promise<RecoveryPlan> {
  const { planRecovery } = await import('../../node/recovery.js');
  return translated(planRecovery(request));
}

async function translated<T>(work: Promise<T>): Promise<T> {
  const { RecoveryError } = await import('../../node/recovery.js');
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    const { code, message, hint } = error;
    const [name, exit] = code === 'refused' ? ['usage', EXIT.usage] : [code, EXIT.conflict];
    throw new CliError({
      code: name,
      exit,
      message: printable(message),
      hint: printable(hint),
      outcome: 'none',
    });
  }
}

function planLines({ node, from, to, survivors, lost, loss }: RecoveryPlan): string[] {
  const names = (ids: readonly string[]): string => ids.map(printable).join(', ') || 'none';
  return [
    `${printable(node)} leaves the cluster ${printable(from.clusterId)} (epoch ${from.epoch}) for ${printable(to.clusterId)} (epoch ${to.epoch}).`,
    `Nodes of the new cluster: ${names(survivors)}. Given up: ${names(lost)}.`,
    `Of ${counted(loss.partitions, 'partition')}, ${loss.fewer} have fewer copies from then on.`,
    loss.lost > 0
      ? `${counted(loss.lost, 'partition')} have NO complete copy left: what only the lost nodes held of them is LOST.`
      : 'Every partition keeps a complete copy.',
    `Writes that only lost nodes have stored are LOST. The directories of ${names(lost)} must not be started again.`,
  ];
}

function unaccepted(plan: readonly string[]): CliError {
  return new CliError({
    code: 'loss_not_accepted',
    exit: EXIT.usage,
    message: `nothing was done. What would happen:\n  ${plan.join('\n  ')}\nIt is for a cluster whose majority is lost for good`,
    hint: 'If that is meant, repeat it with --accept-loss',
    outcome: 'none',
  });
}

async function confirm({ terminal, json }: Context, node: string): Promise<void> {
  if (json || !terminal.inIsTty) {
    throw usageError('there is nobody to ask', 'Repeat it with --yes if it is meant');
  }
  const answer = await terminal.ask(`Type the name of the directory's node to recover it: `);
  if (answer.trim() !== node) throw usageError('nothing was done: that is not its name');
}

function report({ terminal, json }: Context, plan: RecoveryPlan): void {
  const { node, from, to, survivors, loss, isDone } = plan;
  const others = survivors.filter((id) => id !== node);
  if (json) {
    const [before, { clusterId, epoch }] = [{ clusterId: from.clusterId, epoch: from.epoch }, to];
    const losses = { partitionsFewer: loss.fewer, partitionsLost: loss.lost };
    const done = { success: true, already: isDone, node, clusterId, epoch, before, survivors, ...losses };
    terminal.writeOut(`${JSON.stringify(done)}\n`);
    return;
  }
  const what = isDone ? `${printable(node)} was recovered already` : `${printable(node)} is recovered`;
  const next =
    others.length > 0
      ? `Run the same command on every other survivor (${others.map(printable).join(', ')}); all must print the same cluster id. Then start them.`
      : 'Start it: no other node is left.';
  const epochs = from.epoch === to.epoch ? `epoch ${to.epoch}` : `epoch ${from.epoch} → ${to.epoch}`;
  terminal.writeOut(`${what}: ${epochs}, cluster id ${printable(to.clusterId)}.\n${next}\n`);
}
