#!/usr/bin/env node
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';
import { newCleanup, type Cleanup } from '../support/cleanup.js';
import { reservePorts, type PortBlock } from '../support/ports.js';
import { faultOfBytes } from './bus/decoder.js';
import { fuzzDecoder, serveDecoderThread } from './bus/decoderThreads.js';
import { runWireFuzz } from './busRun.js';
import { runHttpFuzz } from './httpRun.js';
import { keepBytes, keepConversation, readConversation } from './kept.js';
import { replayHttp } from './replay.js';
import { createProgress, httpSummary, wireSummary } from './report.js';
import { newSeed } from './seeds.js';
import { shrinkBytes } from './shrink.js';

interface HttpFlags {
  readonly requests: number;
  readonly nodes: number;
  readonly seed?: number;
  readonly replay?: string;
}

interface BusFlags {
  readonly envelopes: number;
  readonly frames: number;
  readonly threads: number;
  readonly seed?: number;
  readonly replay?: string;
}

interface Stage {
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
}

const NODES_MAX = 5;
const DECODER_SHRINK_TRIES = 20_000;

let current: Cleanup | undefined;

if (isMainThread) await runProgram();
else serveDecoderThread();

async function runProgram(): Promise<void> {
  const program = new Command('fuzz')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .description(
      'Sends hostile input to nodes of its own on this machine, and looks at what becomes of them.',
    )
    .addHelpText('after', '\nExit code: 0 nothing found, 1 a fault was found, 2 it could not run.');
  program
    .command('http')
    .description('sound and broken HTTP over raw sockets, beside traffic whose every answer is known')
    .option('--requests <number>', 'how many hostile requests', parseCount, 100_000)
    .option('--nodes <number>', 'nodes of the cluster', parseNodes, 3)
    .option('--seed <number>', 'seed of what is sent (default: random, printed)', parseSeed)
    .option('--replay <file>', 'send what an earlier run kept, once, and show what comes back')
    .action(fuzzHttp);
  program
    .command('bus')
    .description('damaged envelopes, to the decoder itself and to the bus ports of two real nodes')
    .option('--envelopes <number>', 'how many for the decoder; 0: none', parseWhole, 1_000_000)
    .option('--frames <number>', 'how many frames for the nodes; 0: none', parseWhole, 50_000)
    .option('--threads <number>', 'threads that decode', parseCount, availableParallelism())
    .option('--seed <number>', 'seed of what is sent (default: random, printed)', parseSeed)
    .option('--replay <file>', 'decode what an earlier run kept, once')
    .action(fuzzBus);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  await program.parseAsync().catch((error: unknown) => {
    process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  });
}

function onSignal(): void {
  process.stderr.write('\nfuzz: stopping\n');
  const done = (): never => process.exit(130);
  if (current) current.run().then(done, done);
  else done();
}

async function fuzzHttp({ requests, nodes, seed = newSeed(), replay }: HttpFlags): Promise<void> {
  if (replay !== undefined) {
    const conversation = readConversation(replay);
    await onStage((stage) => replayHttp({ ...stage, nodes, conversation, say }));
    return;
  }
  say(`seed ${String(seed)}: ${String(requests)} requests to ${String(nodes)} nodes`);
  await onStage(async (stage) => {
    const onProgress = createProgress(say, httpSummary);
    const result = await runHttpFuzz({ ...stage, seed, requests, nodes, say, onProgress });
    say(httpSummary(result.counts));
    result.resources.forEach(say);
    const { finding, shrunk } = result;
    if (finding)
      say(`kept: ${shrunk ? keepBytes(shrunk, 'http', seed) : keepConversation(finding.conversation, seed)}`);
    conclude(result.faults, seed);
  });
}

async function fuzzBus({ envelopes, frames, threads, seed = newSeed(), replay }: BusFlags): Promise<void> {
  if (replay !== undefined) {
    const fault = faultOfBytes(readFileSync(replay));
    conclude(fault === undefined ? [] : [fault], seed);
    return;
  }
  say(`seed ${String(seed)}: ${String(envelopes)} envelopes, ${String(frames)} frames`);
  if (envelopes > 0) await fuzzTheDecoder(envelopes, threads, seed);
  if (frames > 0 && process.exitCode === undefined) await fuzzTheWire(frames, seed);
}

async function fuzzTheDecoder(envelopes: number, threads: number, seed: number): Promise<void> {
  const entry = fileURLToPath(import.meta.url);
  const summary = (counts: { envelopes: number; decoded: number; refused: number }): string =>
    `decoder: ${String(counts.envelopes)} envelopes; of the damaged ones ${String(counts.decoded)} decoded, ${String(counts.refused)} refused`;
  const onProgress = createProgress(say, summary);
  const { finding, ...counts } = await fuzzDecoder({ entry, seed, envelopes, threads, onProgress });
  say(summary(counts));
  if (finding) {
    const { what, isFatal } = finding;
    const isFaulty = (bytes: Uint8Array): boolean => faultOfBytes(bytes) === what;
    // What hangs or ends its thread would do the same here.
    const bytes = isFatal ? finding.bytes : await shrinkBytes(finding.bytes, isFaulty, DECODER_SHRINK_TRIES);
    say(`kept: ${keepBytes(bytes, 'bus', seed)}\n${Buffer.from(bytes).toString('hex').slice(0, 2000)}`);
  }
  conclude(finding ? [finding.what] : [], seed);
}

async function fuzzTheWire(frames: number, seed: number): Promise<void> {
  await onStage(async (stage) => {
    const onProgress = createProgress(say, wireSummary);
    const result = await runWireFuzz({ ...stage, seed, frames, say, onProgress });
    say(wireSummary(result.counts));
    say(`the nodes took ${String(result.received)} messages and rejected ${String(result.rejected)} frames`);
    result.resources.forEach(say);
    conclude(result.faults, seed);
  });
}

/** Runs in a folder and on ports of its own; both are given back whatever happens. */
async function onStage(run: (stage: Stage) => Promise<void>): Promise<void> {
  const cleanup = newCleanup();
  current = cleanup;
  try {
    const folder = mkdtempSync(join(tmpdir(), 'rondo-fuzz-'));
    cleanup.defer('remove the folder', () => rmSync(folder, { recursive: true, force: true }));
    const ports = await reservePorts();
    cleanup.defer('release the ports', () => ports.release());
    await run({ folder, ports, cleanup });
  } finally {
    await cleanup.run();
  }
}

function conclude(faults: readonly string[], seed: number): void {
  if (faults.length === 0) {
    say('nothing found');
    return;
  }
  say(`FOUND, seed ${String(seed)}:`);
  faults.forEach(say);
  process.exitCode = 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function parseWhole(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('a whole number is wanted');
}

function parseCount(text: string): number {
  const value = parseWhole(text);
  if (value < 1) throw new InvalidArgumentError('a whole number from 1 is wanted');
  return value;
}

function parseNodes(text: string): number {
  const value = parseCount(text);
  if (value > NODES_MAX) throw new InvalidArgumentError(`at most ${String(NODES_MAX)}`);
  return value;
}

function parseSeed(text: string): number {
  const value = parseWhole(text);
  if (value >= 2 ** 32) throw new InvalidArgumentError('a whole number below 2^32 is wanted');
  return value;
}
