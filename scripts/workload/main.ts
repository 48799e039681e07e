#!/usr/bin/env node
import { existsSync, statSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { readHeldToken } from '../../services/node/tokens/heldToken.js';
import { readFinals } from './finalReads.js';
import { keysOf, readLog } from './log.js';
import { renderVerdict } from './report.js';
import { startWorkload } from './run.js';
import { FULL_SIZE, judge, type Verdict } from './verdict.js';

interface RunFlags {
  readonly url: readonly string[];
  readonly tokenFile?: string;
  readonly clients: number;
  readonly seconds: number;
  readonly keys: number;
  readonly log: string;
  readonly seed?: number;
  readonly minNumReads?: number;
  readonly minNumWrites?: number;
  readonly quorum: 'strict' | 'sloppy';
  readonly acknowledgedMin: number;
  readonly json?: boolean;
}

interface VerdictFlags {
  readonly url: readonly string[];
  readonly tokenFile?: string;
  readonly log: string;
  readonly minNumReads?: number;
  readonly acknowledgedMin: number;
  readonly json?: boolean;
}

const FINAL_READS_TIMEOUT_MS = 60_000;
const TOKEN_FILE_HELP = 'file with the token that the nodes want to see, of scope write for a run';

const program = new Command('workload')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .description(
    'Writes unique values to a running cluster, logs every request before it is sent, and judges the log.',
  )
  .addHelpText(
    'after',
    '\nExit code: 0 all promises held, 1 not so (or the run too small), 2 it could not run.',
  );

program
  .command('run', { isDefault: true })
  .description('run clients, then read everything back through every node and print the verdict')
  .requiredOption('--url <urls>', 'base URLs of nodes, separated by commas', parseUrls)
  .option('--token-file <file>', TOKEN_FILE_HELP)
  .requiredOption('--log <file>', 'log of the run (NDJSON, must not exist yet or be empty)')
  .option('--clients <number>', 'clients, each with one request at a time', parseCount, 128)
  .option('--seconds <number>', 'how long to run', parseCount, 30)
  .option('--keys <number>', 'how many keys to write', parseCount, 1000)
  .option('--seed <number>', 'seed of the choices (default: random, printed)', parseCount)
  .option('--min-num-reads <number>', 'R (default: the majority)', parseCount)
  .option('--min-num-writes <number>', 'W (default: the majority)', parseCount)
  .option('--quorum <kind>', 'strict or sloppy', parseQuorum, 'sloppy')
  .option('--acknowledged-min <number>', 'fewer are too few', parseCount, FULL_SIZE.acknowledgedMin)
  .option('--json', 'print the verdict as JSON')
  .action(run);

program
  .command('verdict')
  .description('read everything in the log back through the given nodes and print the verdict')
  .requiredOption('--url <urls>', 'base URLs of nodes, separated by commas', parseUrls)
  .option('--token-file <file>', TOKEN_FILE_HELP)
  .requiredOption('--log <file>', 'log of the run')
  .option('--min-num-reads <number>', 'R of the final reads (default: the majority)', parseCount)
  .option('--acknowledged-min <number>', 'fewer are too few', parseCount, FULL_SIZE.acknowledgedMin)
  .option('--json', 'print the verdict as JSON')
  .action(verdict);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`workload: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});

async function run(flags: RunFlags): Promise<void> {
  const { url: urls, clients, keys, log: logFile, seed, minNumReads, minNumWrites, quorum } = flags;
  const durationMs = flags.seconds * 1000;
  if (existsSync(logFile) && statSync(logFile).size > 0) throw new Error(`${logFile} holds another run`);
  const workload = startWorkload({
    urls,
    token: tokenOf(flags),
    clients,
    keys,
    durationMs,
    logFile,
    minNumReads,
    minNumWrites,
    quorum,
    ...(seed === undefined ? {} : { seed }),
  });
  const stop = (): void => workload.stop();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const result = await workload.done;
  process.stderr.write(`run ${result.run}, seed ${String(result.seed)}: ${String(result.sent)} requests\n`);
  await verdict(flags);
}

async function verdict(flags: VerdictFlags): Promise<void> {
  const { url: urls, log: logFile, minNumReads, acknowledgedMin } = flags;
  const keys = keysOf(readLog(logFile));
  const token = tokenOf(flags);
  await readFinals({ urls, token, keys, logFile, minNumReads, timeoutMs: FINAL_READS_TIMEOUT_MS });
  const judged = judge(readLog(logFile), { ...FULL_SIZE, acknowledgedMin });
  print(judged, flags.json === true);
  process.exitCode = judged.ok ? 0 : 1;
}

function tokenOf({ tokenFile }: Pick<RunFlags, 'tokenFile'>): string | undefined {
  return tokenFile === undefined ? undefined : readHeldToken(tokenFile);
}

function print(judged: Verdict, asJson: boolean): void {
  process.stdout.write(asJson ? `${JSON.stringify(judged)}\n` : renderVerdict(judged));
}

function parseUrls(text: string): string[] {
  return text.split(',').map((part) => {
    if (!URL.canParse(part) || new URL(part).protocol !== 'http:') {
      throw new InvalidArgumentError(`"${part}" is not an http URL`);
    }
    return part.replace(/\/+$/, '');
  });
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('a whole number from 1 is wanted');
  return value;
}

function parseQuorum(text: string): 'strict' | 'sloppy' {
  if (text !== 'strict' && text !== 'sloppy') throw new InvalidArgumentError('strict or sloppy is wanted');
  return text;
}
