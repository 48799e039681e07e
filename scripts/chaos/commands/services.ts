import { Option, type Command } from 'commander';
import { SERVICE_FAULT_NAMES, SERVICE_FAULTS, type ServiceFaultName } from '../services/faults.js';
import { isAsWanted, renderServices, renderSummary, type Judged } from '../services/report.js';
import { runServices } from '../services/run.js';
import { conclude, onStage } from '../stage.js';
import { parseCount, sized, sizeOf, type SizeFlags } from './flags.js';
import { heading, say } from './output.js';

/** The real services fail: RabbitMQ, Consul, HAProxy. */

interface ServicesFlags extends SizeFlags {
  readonly fault: ServiceFaultName | 'all';
  readonly seconds?: number;
  readonly warmUp: number;
}

/** What a run may take besides the time of the fault. */
const LOAD_SECONDS = 400;

export function addServices(program: Command): void {
  sized(program.command('services'))
    .description('three nodes on a broker, a Consul server and a HAProxy of their own, of which one fails')
    .addOption(
      new Option('--fault <name>', 'one of them, or all, one after the other')
        .choices(['all', ...SERVICE_FAULT_NAMES])
        .default('all'),
    )
    .option('--seconds <number>', 'how long it lasts, instead of its own time', parseCount)
    .option('--warm-up <number>', 'acknowledged writes before memory is measured', parseCount, 20_000)
    .addHelpText('after', `\nFaults:\n${faultLines()}`)
    .action(services);
}

function faultLines(): string {
  return SERVICE_FAULT_NAMES.map((name) => {
    const { description, seconds } = SERVICE_FAULTS[name];
    return `  ${name.padEnd(16)}${description} (${String(seconds)} s)`;
  }).join('\n');
}

async function services(flags: ServicesFlags): Promise<void> {
  const names = flags.fault === 'all' ? SERVICE_FAULT_NAMES : [flags.fault];
  const all: Judged[] = [];
  for (const fault of names) await one(fault, flags, all);
  heading('services, all faults');
  process.stdout.write(renderSummary(all));
}

async function one(fault: ServiceFaultName, flags: ServicesFlags, all: Judged[]): Promise<void> {
  const { description, seconds: ownSeconds } = SERVICE_FAULTS[fault];
  const seconds = flags.seconds ?? ownSeconds;
  heading(`${fault}: ${description} (${String(seconds)} s)`);
  const size = sizeOf(flags, seconds + LOAD_SECONDS);
  await onStage(`services-${fault}`, async (stage) => {
    const lengths = { faultMs: seconds * 1000, warmUpWrites: flags.warmUp };
    const result = await runServices({ ...stage, ...lengths, fault, size, say });
    const judged = { fault, result, broken: [...result.broken, ...result.exceeded] };
    all.push(judged);
    process.stdout.write(renderServices(judged));
    return conclude(isAsWanted(result.verdict.ok, judged.broken), result.logFile);
  });
}
