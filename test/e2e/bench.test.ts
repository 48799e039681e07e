import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Cell } from '../../scripts/bench/measure.js';
import type { Method } from '../../scripts/bench/method.js';
import type { ScaleFigures } from '../../scripts/bench/scale.js';
import type { Summary } from '../../scripts/bench/summary.js';
import { builtProgram } from '../../scripts/support/nodes.js';
import { startProcess, waitUntil } from '../../scripts/support/processes.js';
import { useStage } from './support/stage.js';

const stage = useStage();

interface BenchRecord {
  readonly method: Method;
  readonly summaries: readonly Summary[];
  readonly cells: readonly Cell[];
}

/** Runs the command with all of its folders on the stage. */
function startBench(flags: readonly string[], outputFile: string) {
  const bench = startProcess({ args: [join(builtProgram(), 'scripts/bench/main.js'), ...flags], outputFile });
  stage.cleanup.defer('end the bench', async () => {
    bench.kill('SIGTERM');
    await bench.exited;
  });
  return bench;
}

describe('npm run bench', () => {
  it('measures the ceiling and Rondo, every request answered, and leaves a record with profiles', async () => {
    const out = join(stage.folder, 'record.json');
    const profiles = join(stage.folder, 'profiles');
    const outputFile = join(stage.folder, 'output.log');
    const size = [
      '--only',
      'bare,rondo',
      '--runs',
      '1',
      '--seconds',
      '1',
      '--warm-up',
      '0',
      '--connections',
      '4',
      '--keys',
      '200',
    ];
    const bench = startBench([...size, '--load', 'js', '--profile', profiles, '--out', out], outputFile);
    const exit = await bench.exited;
    const output = readFileSync(outputFile, 'utf8');
    expect({ exit, output }).toMatchObject({ exit: { code: 0, signal: null } });

    const record = JSON.parse(readFileSync(out, 'utf8')) as BenchRecord;
    expect(record.method.load).toContain('js, one process a node, 4 connections each');
    const names = record.summaries.map(({ kind, subject }) => `${kind} ${subject}`);
    expect(names).toEqual(['get bare', 'get rondo', 'put bare', 'put rondo']);
    for (const cell of record.cells) {
      expect(cell).toMatchObject({ failures: {}, complaints: [] });
      expect(cell.answered).toBeGreaterThan(10);
      expect(cell.p99Ms).toBeGreaterThanOrEqual(cell.p50Ms);
      expect(cell.cpuMicrosPerRequest).toBeGreaterThan(0);
      expect(cell.memoryBytes.filter((bytes) => bytes > 10 * 2 ** 20)).toHaveLength(3);
    }
    for (const { subject, ratio } of record.summaries) {
      if (subject === 'rondo') expect(ratio).toBeGreaterThan(0);
      else expect(ratio).toBeUndefined();
    }
    expect(readdirSync(join(profiles, 'rondo-put-1'))).toHaveLength(3);
    const profiled = record.cells.filter(({ profile }) => profile?.some(({ place }) => place !== ''));
    expect(profiled.map(({ subject, kind }) => `${kind} ${subject}`)).toEqual(['get rondo', 'put rondo']);
    expect(output).toContain('services/node/');
  }, 120_000);

  it('scale: stores keys, starts anew, and measures memory, trees and rest', async () => {
    const out = join(stage.folder, 'scale.json');
    const outputFile = join(stage.folder, 'output.log');
    const size = ['--keys', '500', '--connections', '4', '--rest-seconds', '1', '--settle-seconds', '1'];
    const exit = await startBench(['scale', ...size, '--out', out], outputFile).exited;
    const output = readFileSync(outputFile, 'utf8');
    expect({ exit, output }).toMatchObject({ exit: { code: 0, signal: null } });
    const figures = JSON.parse(readFileSync(out, 'utf8')) as ScaleFigures;
    expect(figures.trees.seconds).toBeGreaterThan(0);
    for (const memory of [figures.loaded, figures.compared, figures.rested]) {
      expect(memory.filter(({ memoryBytes }) => memoryBytes > 10 * 2 ** 20)).toHaveLength(3);
    }
    expect(figures.restShares).toHaveLength(3);
    expect(output).toContain('CPU of comparing');
  }, 120_000);

  it('ends everything that it started when it is interrupted', async () => {
    const outputFile = join(stage.folder, 'output.log');
    const profiles = join(stage.folder, 'profiles');
    const flags = ['--only', 'rondo', '--load', 'js', '--seconds', '60', '--profile', profiles];
    const bench = startBench(flags, outputFile);
    const own = (): string[] => processesWith(`--cpu-prof-dir=${profiles}`);
    await waitUntil('the nodes run', () => own().length === 3, 60_000);
    bench.kill('SIGINT');
    expect(await bench.exited).toEqual({ code: 130, signal: null });
    expect(own()).toEqual([]);
  }, 120_000);
});

/** The processes with `text` in their command line. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const [command = '', ...args] = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      return command.endsWith('node') && args.some((arg) => arg.startsWith(text));
    } catch {
      return false;
    }
  });
}
