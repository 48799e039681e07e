import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { wholeNumber } from '../arguments.js';
import { EXIT, failureOf, usageError, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import type { StoreClient } from '../http/client.js';
import {
  convergenceLine,
  convergenceOf,
  pairsOf,
  type Convergence,
  type Started,
} from '../view/convergence.js';
import { askCluster, askNode, type ClusterReport, type NodeReport } from '../view/reports.js';
import { clip, counted, printable } from '../view/text.js';

interface RepairOptions {
  readonly partition?: number;
  readonly wait?: boolean;
  readonly waitS: number;
}

const HELP = `
Every node compares what it holds with every other node that holds the same, and pulls what it lacks; they do so by
themselves as well, in turns. With --wait the command ends when every node has compared with every other after the
command began, and says who is still to compare with whom; a node that is away or being rebuilt is waited for.
Exits with 0 where that was reached (without --wait: where every node was told), else with 4.

Examples:
  rondo repair --wait
  rondo repair --partition 63 --wait --wait-s 30`;

export function repairCommand(maker: CommandMaker): Command {
  return newCommand('repair', 'Have all nodes compare what they hold now, and pull what they lack.')
    .option('--partition <n>', 'compare this partition only (see `rondo where`)', wholeNumber(0, 4095))
    .option('--wait', 'wait until every node has compared with every other, and show how far it is')
    .option('--wait-s <s>', 'how long to wait', wholeNumber(1, 1_000_000), 600)
    .addHelpText('after', HELP)
    .action(action(maker, repair));
}

/** Which nodes were told, and why others were not. */
interface Told {
  readonly started: Map<string, Started>;
  readonly failed: Map<string, string>;
}

const PAIRS_SHOWN_MAX = 12;
const POLL_MS = 250;
/** A node that has comparisons left and is at none is told again: they may have failed. */
const AGAIN_MS = 3000;
const AWAY_PAUSE_MS = 1000;
const PLAIN_INTERVAL_MS = 2000;

async function repair(context: Context, _args: readonly string[], command: Command): Promise<ExitCode> {
  const { partition, wait, waitS } = command.opts<RepairOptions>();
  const { document, reports } = await askCluster(context);
  if (partition !== undefined && partition >= document.partitions) {
    throw usageError(`--partition ${partition}: there are ${document.partitions}, counted from 0`);
  }
  const told: Told = { started: new Map(), failed: new Map() };
  await tell(context, reports, told, partition);
  return wait === true ? await waitFor(context, told, partition, waitS * 1000) : report(context, told);
}

async function tell(
  context: Context,
  reports: readonly NodeReport[],
  { started, failed }: Told,
  partition: number | undefined,
): Promise<void> {
  const { parseRepair } = await import('../view/steering.js');
  await Promise.all(
    reports.map(async ({ id, address }) => {
      try {
        const { incarnation, after } = parseRepair(
          await askNode(address, context, (client) => client.repair(partition)),
        );
        failed.delete(id);
        // What was compared since the first time counts.
        if (started.get(id)?.incarnation !== incarnation) started.set(id, { incarnation, after });
      } catch (error) {
        failed.set(id, failureOf(error).message);
      }
    }),
  );
}

function report({ terminal, json }: Context, { started, failed }: Told): ExitCode {
  const isDone = failed.size === 0;
  if (json) {
    const unreachable = [...failed].map(([node, reason]) => ({ node, reason }));
    terminal.writeOut(`${JSON.stringify({ success: isDone, told: [...started.keys()], unreachable })}\n`);
  } else {
    const lines = [...failed].map(([node, reason]) => `${printable(node)}: ${printable(reason)}.\n`);
    terminal.writeOut(
      `${lines.join('')}${counted(started.size, 'node')} told to compare; \`--wait\` waits for it.\n`,
    );
  }
  return isDone ? EXIT.ok : EXIT.unavailable;
}

async function waitFor(
  context: Context,
  told: Told,
  partition: number | undefined,
  waitMs: number,
): Promise<ExitCode> {
  const client = context.connect();
  const [stop, again] = [new AbortController(), new Map<string, number>()];
  const show = createShow(context);
  const ignore = context.terminal.onInterrupt(() => {
    stop.abort();
  });
  const endMs = performance.now() + waitMs;
  let now: Convergence | undefined;
  try {
    while (!stop.signal.aborted && performance.now() < endMs && now?.left.length !== 0) {
      if (now) await sleep(POLL_MS);
      const cluster = await askPatiently(context, client, show);
      if (!cluster) continue;
      now = convergenceOf(pairsOf(cluster.document, partition), cluster.reports, told.started, partition);
      show(convergenceLine(now));
      await tell(context, idle(cluster.reports, now, told, again), told, partition);
    }
  } finally {
    ignore();
    show();
  }
  return ended(context, now ?? NOTHING_SEEN);
}

const NOTHING_SEEN: Convergence = { total: 0, left: [], keysPulled: 0, underway: [] };

/** The node that is asked may be away for a while too. */
async function askPatiently(
  context: Context,
  client: StoreClient,
  show: (line: string) => void,
): Promise<ClusterReport | undefined> {
  try {
    return await askCluster(context, client);
  } catch (error) {
    show(failureOf(error).message);
    await sleep(AWAY_PAUSE_MS);
    return undefined;
  }
}

/** Nodes that are to be told again: they have comparisons left and are at none, or were started anew. */
function idle(
  reports: readonly NodeReport[],
  { left, underway }: Convergence,
  { started }: Told,
  toldAtMs: Map<string, number>,
): readonly NodeReport[] {
  const nowMs = performance.now();
  const due = reports.filter((report) => {
    if (!('view' in report) || !left.some(({ node }) => node === report.id)) return false;
    if (started.get(report.id)?.incarnation !== report.view.incarnation) return true;
    const sinceMs = toldAtMs.get(report.id) ?? toldAtMs.set(report.id, nowMs).get(report.id) ?? nowMs;
    return !underway.some(({ node }) => node === report.id) && nowMs - sinceMs >= AGAIN_MS;
  });
  for (const { id } of due) toldAtMs.set(id, nowMs);
  return due;
}

function ended({ terminal, json }: Context, now: Convergence): ExitCode {
  const isDone = now !== NOTHING_SEEN && now.left.length === 0;
  const { total, left, keysPulled } = now;
  if (json) {
    terminal.writeOut(`${JSON.stringify({ success: isDone, comparisons: total, left, keysPulled })}\n`);
  } else if (isDone) {
    terminal.writeOut(
      `Every node has compared with every other: ${counted(total, 'comparison')}, ${counted(keysPulled, 'key')} pulled.\n`,
    );
  } else {
    const pairs = left
      .slice(0, PAIRS_SHOWN_MAX)
      .map(({ node, peer }) => `${printable(node)} with ${printable(peer)}`);
    terminal.writeOut(
      `Not ended; ${counted(left.length, 'comparison')} left (${pairs.join(', ')}). It goes on by itself; \`rondo nodes\` says who is away.\n`,
    );
  }
  return isDone ? EXIT.ok : EXIT.unavailable;
}

/** On a terminal one line that changes, elsewhere a line now and then; without a line: nothing more comes. */
function createShow({ terminal, json }: Context): (line?: string) => void {
  let [last, shownAtMs] = ['', -PLAIN_INTERVAL_MS];
  return (line) => {
    if (json) return;
    if (terminal.errIsTty) {
      terminal.writeErr(`\r\x1b[K${line === undefined ? '' : clip(line, terminal.columns - 1)}`);
      return;
    }
    const nowMs = performance.now();
    if (line === undefined || line === last || nowMs - shownAtMs < PLAIN_INTERVAL_MS) return;
    [last, shownAtMs] = [line, nowMs];
    terminal.writeErr(`${line}\n`);
  };
}
