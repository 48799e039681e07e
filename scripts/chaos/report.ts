import type { Latency } from '../workload/measures.js';
import type { Resources } from '../support/resources.js';
import { milliseconds, renderVerdict, table } from '../workload/report.js';
import type { ResourcesByNode, ScenarioResult } from './scenario.js';
import type { StepsResult } from './steps.js';

/** The results of the scenarios for a person. */

export function resourceLines(resources: ResourcesByNode): string[] {
  const rows = [...resources].map(([node, [before, after]]): [string, string] => {
    const change = (figure: (one: Resources) => string): string =>
      [before, after].map((one) => (one ? figure(one) : '?')).join(' → ');
    const memory = `memory ${change((one) => mebibytes(one.memoryBytes))} MiB`;
    const own = `without mapped files ${change((one) => mebibytes(one.ownBytes))} MiB`;
    return [node, `${memory}, ${own}, handles ${change((one) => String(one.handles))}`];
  });
  return table(rows);
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

/** `broken`: everything that has to make the run fail, besides the verdict. */
export function renderScenario(result: ScenarioResult, broken: readonly string[]): string {
  const { calm, faulty, errors, late503, slow503 } = result.bystanders;
  const rows: (readonly [string, string | number])[] = [
    ...result.figures,
    ['through the others, calm', answersText(calm)],
    ['through the others, fault on', answersText(faulty)],
    ['through the others, 503 sent after 1 s', late503],
    ['through the others, 503 sent before, answered after', slow503],
    ...Object.entries(errors).map(([code, count]) => [`through the others, ${code}`, count] as const),
  ];
  const lines = [...table(rows), ...resourceLines(result.resources), ...brokenLines(broken), ''];
  return `${renderVerdict(result.verdict)}${lines.join('\n')}`;
}

export function answersText({ count, p50Ms, p99Ms, maxMs }: Latency): string {
  const [p50, p99] = [milliseconds(p50Ms), milliseconds(p99Ms)];
  return `${String(count)} answers, p50 ${p50}, p99 ${p99}, max ${milliseconds(maxMs)}`;
}

export function renderSteps({ steps, broken }: StepsResult): string {
  return [...table(steps), ...brokenLines(broken), ''].join('\n');
}

export function brokenLines(broken: readonly string[]): string[] {
  if (broken.length === 0) return ['all as wanted'];
  return broken.map((line) => `NOT AS WANTED: ${line}`);
}
