import { table } from '../workload/report.js';
import type { Cell } from './measure.js';
import type { Method } from './method.js';
import { byArea, IDLE, type SelfTime } from './profile.js';
import { median, type Summary } from './summary.js';
import type { Verdict } from './targets.js';

const FUNCTIONS_SHOWN = 25;
const AREAS_SHOWN = 20;

const HEADINGS = ['', '', 'req/s', 'spread', 'ratio', 'p50 ms', 'p99 ms', 'CPU µs/req', 'memory MiB'];

/** The figures of all rounds, aligned. */
export function summaryTable(summaries: readonly Summary[]): string {
  const rows = summaries.map((summary) => [
    summary.kind.toUpperCase(),
    summary.subject,
    Math.round(summary.perSecond).toLocaleString('en'),
    `${(summary.spread * 100).toFixed(0)} %`,
    summary.ratio?.toFixed(3) ?? '',
    summary.p50Ms.toFixed(2),
    summary.p99Ms.toFixed(2),
    summary.cpuMicrosPerRequest?.toFixed(1) ?? '?',
    (summary.memoryBytes / 2 ** 20).toFixed(0),
  ]);
  return columns([HEADINGS, ...rows]);
}

/** How it was measured; whoever reads the figures needs all of it. */
export function methodText({ subjects, ...rest }: Method): string {
  const rows: [string, string][] = [
    ...Object.entries(rest).map(([name, value]): [string, string] => [name, value]),
    ...subjects.map(({ name, what, flags, version }): [string, string] => [
      name,
      `${what};${version === undefined ? '' : ` ${version};`} flags: ${flags.length > 0 ? flags.join(' ') : 'none'}`,
    ]),
  ];
  return `${table(rows).join('\n')}\n`;
}

/** A share of one core that is more than the rest of a quiet machine takes. */
const QUIET_CORES = 0.15;

/** A line to be read with the figures where other work ran on the machine; empty where it was quiet. */
export function quietText(cells: readonly Cell[]): string {
  const cores = median(cells.flatMap(({ othersCores }) => othersCores ?? []));
  return cores > QUIET_CORES
    ? `the machine was not quiet: other work kept ${cores.toFixed(1)} cores busy; the figures are too low\n`
    : '';
}

/** The ratios of each round, and what the targets make of their medians; empty where nothing is held against anything. */
export function verdictText(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict): [string, string] => {
    const { target, ratios, ratio } = verdict;
    const { kind, subject, against } = target;
    const each = ratios.map((one) => one.toFixed(2)).join(', ');
    const words = [`rounds ${each}`, `median ${ratio.toFixed(2)}`, reachedText(verdict), p99Text(verdict)];
    return [`${kind.toUpperCase()} ${subject} / ${against}`, words.filter((text) => text !== '').join('; ')];
  });
  return rows.length === 0 ? '' : `\n${table(rows).join('\n')}\n`;
}

function reachedText({ target: { first, goal }, reached }: Verdict): string {
  const isFirstMet = reached !== 'short';
  const met = (is: boolean): string => (is ? 'met' : 'short');
  return `first step ${String(first)} ${met(isFirstMet)}, goal ${String(goal)} ${met(reached === 'goal')}`;
}

function p99Text({ p99IsNoWorse, p99Ms: [own, other] }: Verdict): string {
  if (p99IsNoWorse === undefined) return '';
  return `p99 ${own.toFixed(2)} ms to ${other.toFixed(2)} ms: ${p99IsNoWorse ? 'met' : 'short'}`;
}

/** For whoever waits. */
export function progressLine(cell: Cell): string {
  const { kind, subject, perSecond, p99Ms, cpuMicrosPerRequest, othersCores = 0 } = cell;
  const rate = `${Math.round(perSecond).toLocaleString('en').padStart(9)}/s`;
  const cpu = cpuMicrosPerRequest === undefined ? '' : `, CPU ${cpuMicrosPerRequest.toFixed(1)} µs`;
  const others = othersCores > QUIET_CORES ? `, others: ${othersCores.toFixed(1)} cores` : '';
  return `  ${kind.toUpperCase()} ${subject.padEnd(10)}${rate}, p99 ${p99Ms.toFixed(2)} ms${cpu}${others}`;
}

/** Shares of the time in which there was something to do. */
export function profileText(times: readonly SelfTime[]): string {
  const busy = times.filter(({ name }) => name !== IDLE);
  const busyMicros = total(busy);
  const share = ({ micros }: SelfTime): string => `${((micros / busyMicros) * 100).toFixed(1)} %`;
  const functions = busy.slice(0, FUNCTIONS_SHOWN).map((time) => [share(time), time.name, time.place]);
  const areas = byArea(busy).slice(0, AREAS_SHOWN);
  const busyShare = ((busyMicros / total(times)) * 100).toFixed(0);
  return [
    `the main threads were busy ${busyShare} % of the time; of that, in the functions themselves:\n`,
    columns(functions, 'left'),
    'and by what the code belongs to:\n',
    columns(
      areas.map((time) => [share(time), time.name]),
      'left',
    ),
  ].join('');
}

function total(times: readonly SelfTime[]): number {
  return times.reduce((sum, { micros }) => sum + micros, 0);
}

/** The first two columns are names; figures are aligned to the right unless they come first. */
function columns(rows: readonly (readonly string[])[], aligned: 'left' | 'right' = 'right'): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => {
        const isName = aligned === 'left' ? column > 0 : column < 2;
        return isName ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join('');
}
