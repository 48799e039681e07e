import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  endRecorded,
  forgetService,
  isThere,
  parseState,
  readState,
  recordProcess,
  recordService,
  type RecordedService,
} from '../../../scripts/services/state.js';
import { startProcess, stopProcess } from '../../../scripts/support/processes.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sleeper = () =>
  startProcess({ args: ['-e', 'setTimeout(() => {}, 60_000)'], outputFile: join(folder, 'output.log') });

describe('services: what is known of those that run', () => {
  it('one service takes the place of what was known of it, beside the others', () => {
    const service = (name: RecordedService['name'], port: number) => ({
      name,
      processes: [],
      urls: [],
      port,
    });
    for (const [name, port] of [
      ['consul', 1],
      ['haproxy', 2],
      ['consul', 3],
    ] as const) {
      recordService(folder, service(name, port));
    }
    expect(readState(folder)).toEqual([service('haproxy', 2), service('consul', 3)]);
    forgetService(folder, 'haproxy');
    expect(readState(folder)).toEqual([service('consul', 3)]);
  });

  it.each(['', 'null', '{}', '{"services":{}}', '{"services":[{"name":"consul","processes":[{"pid":-1}]}]}'])(
    'a damaged file is no state: %s',
    (text) => {
      expect(parseState(text)).toBeUndefined();
      writeFileSync(join(folder, 'state.json'), text);
      expect(() => readState(folder)).toThrow(/damaged/);
    },
  );

  it('a process that has the pid of one that was written down is not it, and is left alone', async () => {
    const started = sleeper();
    const recorded = recordProcess('sleeper', started.pid);
    expect(isThere(recorded)).toBe(true);
    const other = { ...recorded, identity: `${recorded.identity}0` };
    expect(isThere(other)).toBe(false);
    await endRecorded(other, 1000);
    expect(started.isRunning()).toBe(true);
    await endRecorded(recorded, 10_000);
    expect(isThere(recorded)).toBe(false);
    await stopProcess(started, 1000);
  });

  it('a process that was gone before it was written down is never there', () => {
    expect(isThere(recordProcess('nobody', 0))).toBe(false);
  });
});
