import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '../../../services/node/adapters/winston-log.js';

const nodeId = 'node-1';

function collecting(): { stream: Writable; lines: () => Record<string, unknown>[] } {
  let output = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      output += chunk.toString();
      done();
    },
  });
  return { stream, lines: () => output.split('\n').slice(0, -1).map(parsed) };
}

const parsed = (line: string): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>;

describe('log', () => {
  it('writes one JSON object a line, before it returns', () => {
    const { stream, lines } = collecting();
    const log = createLog({ level: 'info', nodeId, stream });
    log.log('warn', 'something\nhappened', { requestId: 'r1', count: 3, missing: undefined, flag: true });
    const [line, ...others] = lines();
    expect(others).toEqual([]);
    const { time, ...rest } = line!;
    expect(Math.abs(Date.now() - Date.parse(time as string))).toBeLessThan(60_000);
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(rest).toEqual({
      level: 'warn',
      nodeId,
      message: 'something\nhappened',
      requestId: 'r1',
      count: 3,
      flag: true,
    });
    expect(Object.keys(line!).slice(0, 5)).toEqual(['time', 'level', 'nodeId', 'message', 'requestId']);
  });

  it.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const)('at level %s writes %j', (level, written) => {
    const { stream, lines } = collecting();
    const log = createLog({ level, nodeId, stream });
    for (const each of ['debug', 'info', 'warn', 'error'] as const) log.log(each, 'm');
    expect(lines().map((line) => line['level'])).toEqual(written);
  });

  it('lets no field take the place of its own', () => {
    const { stream, lines } = collecting();
    const fields = { level: 'x', message: 'x', nodeId: 'x', time: 'x', stack: 'x', splat: 'x' };
    createLog({ level: 'info', nodeId, stream }).log('info', '%s stays %d', fields);
    expect(lines()[0]).toMatchObject({ level: 'info', message: '%s stays %d', nodeId, stack: 'x' });
    expect(lines()[0]!['time']).not.toBe('x');
  });

  it('outlives a reader that went away', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('write EPIPE')) });
    const log = createLog({ level: 'info', nodeId, stream });
    for (let i = 0; i < 3; i++) {
      log.log('info', 'm');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await log.close();
    expect(stream.destroyed).toBe(true);
  });

  it('drops lines that a slow reader does not take, and says how many', async () => {
    const waiting: (() => void)[] = [];
    let output = '';
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        output += chunk.toString();
        waiting.push(done);
      },
    });
    const log = createLog({ level: 'info', nodeId, stream, bufferedBytesMax: 1000 });
    for (let i = 0; i < 100; i++) log.log('info', `line ${i}`);
    expect(stream.writableLength).toBeLessThan(1500);
    while (waiting.length > 0) {
      waiting.shift()!();
      await new Promise((resolve) => setImmediate(resolve));
    }
    log.log('info', 'last');
    while (waiting.length > 0) {
      waiting.shift()!();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const lines = output.split('\n').slice(0, -1).map(parsed);
    const kept = lines.filter((line) => String(line['message']).startsWith('line ')).length;
    const notice = lines.find((line) => 'lines' in line);
    expect(kept + Number(notice!['lines'])).toBe(100);
    expect(lines.at(-1)!['message']).toBe('last');
    await log.close();
  });

  it('is flushed when close resolves, and then takes no more', async () => {
    const written: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        setTimeout(() => {
          written.push(chunk.toString());
          done();
        }, 2);
      },
    });
    const log = createLog({ level: 'info', nodeId, stream });
    for (let i = 0; i < 5; i++) log.log('info', `line ${i}`);
    await Promise.all([log.close(), log.close()]);
    log.log('info', 'too late');
    expect(written.filter((line) => line !== '')).toHaveLength(5);
    expect(stream.writableEnded).toBe(false);
  });

  describe('of a process', () => {
    const start = (lines: number) =>
      spawn(
        process.execPath,
        [
          '--import',
          pathToFileURL(join(__dirname, '../../contract/support/tsLoader.mjs')).href,
          join(__dirname, '../support/loggingChild.ts'),
          String(lines),
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );

    it('is complete after a sudden exit', async () => {
      const child = start(2000);
      const output = await text(child.stdout);
      expect(output.split('\n').slice(0, -1)).toHaveLength(2000);
    });

    it('does not stop it when nobody reads', async () => {
      const child = start(2000);
      child.stdout.destroy();
      expect(await once(child, 'exit')).toEqual([7, null]);
    });
  });
});
