import type { SimulationResult } from '../../test/simulation/simulate.js';
import type { Campaign } from './campaign.js';

/** What people see of a campaign. */

const HOUR_MS = 3_600_000;

export function progressLine(campaign: Campaign, elapsedMs: number): string {
  const { seeds, failures, simulatedMs } = campaign;
  const rate = ((seeds * 1000) / Math.max(1, elapsedMs)).toFixed(1);
  const hours = (simulatedMs / HOUR_MS).toFixed(1);
  return `${String(seeds)} seeds, ${rate}/s, ${hours} h simulated, ${String(failures.length)} failed; ${mainFaults(campaign)}`;
}

/** The faults that a plan injects, without what they are made of. */
function mainFaults({ faults }: Campaign): string {
  const names = [...faults.keys()].filter((name) => /^[a-zA-Z]+$/.test(name)).sort();
  return names.map((name) => `${name} ${String(faults.get(name))}`).join(', ');
}

export function figureTable(campaign: Campaign, elapsedMs: number): string {
  const { seeds, runTwice, simulatedMs, requests, acknowledged, messages, failures } = campaign;
  const rows: (readonly [string, string | number])[] = [
    ['base seed', `0x${campaign.base.toString(16)}`],
    ['seeds', seeds],
    ['run twice, same trace', runTwice],
    ['seeds a second', ((seeds * 1000) / Math.max(1, elapsedMs)).toFixed(1)],
    ['simulated hours', (simulatedMs / HOUR_MS).toFixed(2)],
    ['requests', requests],
    ['writes acknowledged', acknowledged],
    ['messages', messages],
    ...[...campaign.faults]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => [`fault ${name}`, count] as const),
    ['seeds that failed', failures.length],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(26)} ${String(value).padStart(20)}\n`).join('');
}

export function failureText(result: SimulationResult): string {
  const lines = result.violations.map(
    ({ promise, atMs, detail }) => `  ${promise} at ${(atMs / 1000).toFixed(3)} s: ${detail}\n`,
  );
  return `seed ${result.seed} broke a promise\n${lines.join('')}  replay: npm run simulate -- --seed ${result.seed}\n`;
}
