import { milliseconds, renderVerdict, table } from '../../workload/report.js';
import { answersText, brokenLines, resourceLines } from '../report.js';
import type { ServiceFaultName } from './faults.js';
import type { ServicesResult } from './run.js';

/** The results of the faults of services for a person. */

export function renderServices({ result, broken }: Judged): string {
  const { calm, faulty } = result.bystanders;
  const rows: (readonly [string, string | number])[] = [
    ...result.figures,
    ['all answers, calm', answersText(calm)],
    ['all answers, fault on', answersText(faulty)],
  ];
  const lines = [...table(rows), ...resourceLines(result.resources), ...brokenLines(broken), ''];
  return `${renderVerdict(result.verdict)}${lines.join('\n')}`;
}

export interface Judged {
  readonly fault: ServiceFaultName;
  readonly result: ServicesResult;
  /** Everything that has to make the run fail, besides the verdict. */
  readonly broken: readonly string[];
}

/** One line a fault. */
export function renderSummary(all: readonly Judged[]): string {
  const rows = all.map((judged): [string, string] => [judged.fault, lineOf(judged)]);
  return [...table(rows), ''].join('\n');
}

function lineOf({ result, broken }: Judged): string {
  const { verdict, bystanders, sameSeconds } = result;
  const [fault, healed] = verdict.measures.marks;
  return [
    `acknowledged ${String(verdict.acknowledged)}`,
    `unknown ${String(verdict.unknown)}`,
    `lost ${String(verdict.lost.length)}`,
    `fault on: p99 ${milliseconds(bystanders.faulty.p99Ms)}, max ${milliseconds(bystanders.faulty.maxMs)}`,
    `first success ${milliseconds(fault?.firstSuccessMs)} after it, ${milliseconds(healed?.firstSuccessMs)} after its end`,
    `replicas the same after ${sameSeconds?.toFixed(1) ?? 'never'} s`,
    isAsWanted(verdict.ok, broken) ? 'as wanted' : 'NOT AS WANTED',
  ].join(', ');
}

export function isAsWanted(ok: boolean, broken: readonly string[]): boolean {
  return ok && broken.length === 0;
}
