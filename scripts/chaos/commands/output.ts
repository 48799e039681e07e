import { renderScenario, renderSteps } from '../report.js';
import type { ScenarioResult } from '../scenario.js';
import { conclude } from '../stage.js';
import type { StepsResult } from '../steps.js';

/** What a person is told; each `conclude…` prints a result and gives the exit code of its run. */

export function heading(text: string): void {
  process.stdout.write(`\n== ${text}\n`);
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function concludeScenario(result: ScenarioResult, exceeded: readonly string[] = []): number {
  const broken = [...result.broken, ...exceeded];
  process.stdout.write(renderScenario(result, broken));
  return conclude(result.verdict.ok && broken.length === 0, result.logFile);
}

export function concludeSteps(result: StepsResult): number {
  process.stdout.write(renderSteps(result));
  return result.broken.length === 0 ? 0 : 1;
}
