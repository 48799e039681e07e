import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readFinals } from '../../../scripts/workload/finalReads.js';
import { keysOf, readLog } from '../../../scripts/workload/log.js';
import { renderVerdict } from '../../../scripts/workload/report.js';
import { startWorkload } from '../../../scripts/workload/run.js';
import { judge, type Verdict } from '../../../scripts/workload/verdict.js';
import { startFakeStore, type Fault } from './fakeStore.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-workload-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const BOUNDS = { acknowledgedMin: 200, inFlightAtFaultMin: 0 };

/** Runs until enough is acknowledged, whatever that takes, and reads everything back. */
async function runAgainst(fault: Fault): Promise<Verdict> {
  const store = await startFakeStore(fault);
  const logFile = join(folder, 'run.log');
  const urls = [store.url, store.url];
  try {
    const workload = startWorkload({
      ...{ urls, clients: 16, keys: 20, durationMs: 20_000, logFile },
      ...{ quorum: 'strict', readsAreStrict: true, seed: 7 },
    });
    const deadline = Date.now() + 15_000;
    while (workload.acknowledged() < 400 && Date.now() < deadline) await sleep(5);
    workload.mark('fault');
    workload.stop();
    await workload.done;
    await readFinals({ urls, keys: keysOf(readLog(logFile)), logFile, timeoutMs: 5000 });
  } finally {
    await store.close();
  }
  return judge(readLog(logFile), BOUNDS);
}

describe('the workload and its verdict against a store with a planted bug', () => {
  it('finds nothing wrong with a correct store', async () => {
    const verdict = await runAgainst('none');
    expect(renderVerdict(verdict)).toContain('verdict: all promises held');
    expect(verdict).toMatchObject({ ok: true, unknown: 0 });
    expect(verdict.measures.inFlightMax).toBeGreaterThan(8);
    expect(verdict.measures.errors).toHaveProperty('stale_version');
  });

  it('finds nothing wrong with a store that drops answers: unknown is not lost', async () => {
    const verdict = await runAgainst('drops');
    expect(verdict.ok).toBe(true);
    expect(verdict.repeated).toBeGreaterThan(0);
  });

  it.each<[string, Fault, (verdict: Verdict) => number]>([
    ['forgets acknowledged writes', 'forgets', (verdict) => verdict.lost.length + verdict.staleReads.length],
    ['brings superseded values back', 'resurrects', (verdict) => verdict.staleReads.length],
    ['stores what it refuses', 'storesRefused', (verdict) => verdict.phantoms.length],
    ['damages values', 'damages', (verdict) => verdict.phantoms.length],
    [
      'gives versions that cover unseen siblings',
      'coversUnseen',
      (verdict) => verdict.ambiguousVersions.length,
    ],
  ])('a store that %s is found out', async (_name, fault, findings) => {
    const verdict = await runAgainst(fault);
    expect(verdict.ok).toBe(false);
    expect(findings(verdict)).toBeGreaterThan(0);
    expect(renderVerdict(verdict)).toContain('PROMISES BROKEN');
  });
});

describe('the log', () => {
  it('holds the line of every request before the server sees it', async () => {
    const store = await startFakeStore('none');
    const logFile = join(folder, 'run.log');
    const workload = startWorkload({ urls: [store.url], clients: 4, keys: 5, durationMs: 20_000, logFile });
    while (workload.inFlight() === 0) await sleep(1);
    const inFlight = workload.inFlight();
    const sends = readFileSync(logFile, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"t":"send"'));
    expect(sends.length).toBeGreaterThanOrEqual(inFlight);
    workload.stop();
    const { sent } = await workload.done;
    await store.close();
    const kinds = readLog(logFile).map((line) => line.t);
    expect(kinds.filter((kind) => kind === 'send')).toHaveLength(sent);
    expect(kinds.filter((kind) => kind === 'answer')).toHaveLength(sent);
  });

  it('a run against nothing ends in order, with every request certainly refused', async () => {
    const store = await startFakeStore('none');
    await store.close();
    const logFile = join(folder, 'run.log');
    const options = { urls: [store.url], clients: 4, keys: 5, durationMs: 100, logFile };
    const result = await startWorkload(options).done;
    expect(result.acknowledged).toBe(0);
    const verdict = judge(readLog(logFile), BOUNDS);
    expect(verdict).toMatchObject({ ok: false, acknowledged: 0, unknown: 0 });
    expect(Object.keys(verdict.measures.errors)).toEqual(['connection_refused']);
  });
});
