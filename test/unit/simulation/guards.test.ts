import crypto from 'node:crypto';
import fs, { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { guarded } from '../../simulation/guards.js';
import { runModule } from './support/command.js';

const FORBIDDEN: Readonly<Record<string, () => unknown>> = {
  setTimeout: () => setTimeout(() => undefined, 1),
  setInterval: () => setInterval(() => undefined, 1),
  setImmediate: () => setImmediate(() => undefined),
  'process.nextTick': () => process.nextTick(() => undefined),
  'Date.now': () => Date.now(),
  'new Date()': () => new Date(),
  'performance.now': () => performance.now(),
  'process.hrtime': () => process.hrtime(),
  'Math.random': () => Math.random(),
  'crypto.randomBytes': () => crypto.randomBytes(4),
  'crypto.randomUUID': () => crypto.randomUUID(),
  'fs.readFileSync': () => fs.readFileSync(__filename),
  'readFileSync, imported by name': () => readFileSync(__filename),
  'fs.promises.readFile': () => readFile(__filename),
  'net.connect': () => net.connect(1),
};

describe('inside a simulation', () => {
  it.each(Object.keys(FORBIDDEN))('%s throws', async (name) => {
    await guarded(async () => {
      expect(FORBIDDEN[name]).toThrow('inside a simulation');
    });
  });

  it('a date of a given time is still a value', async () => {
    expect(await guarded(async () => new Date(0).toISOString())).toBe('1970-01-01T00:00:00.000Z');
  });

  it('named imports of Node throw as well where modules are real, in the built simulator', async () => {
    const guards = pathToFileURL(path.resolve(__dirname, '../../../dist/test/simulation/guards.js')).href;
    const { output, errors } = await runModule(`
      import { randomBytes } from 'node:crypto';
            import { connect } from 'node:net';
      import { guarded } from '${guards}';
      const tell = (run) => { try { run(); return 'ran'; } catch (error) { return error.message; } };
      const inside = await guarded(async () => [tell(() => randomBytes(1)), tell(() => connect(1))]);
      process.stdout.write(JSON.stringify([...inside, randomBytes(1).length]));
    `);
    expect(errors).toBe('');
    const refused = (what: string) => `${what} was used inside a simulation`;
    expect(JSON.parse(output)).toEqual([refused('crypto.randomBytes'), refused('net.connect'), 1]);
  });

  it('everything works again afterwards, also after an error', async () => {
    const failing = guarded(async () => {
      throw new Error('as planned');
    });
    await expect(failing).rejects.toThrow('as planned');
    expect(Date.now()).toBeGreaterThan(0);
    expect(new Date()).toBeInstanceOf(Date);
    expect(Math.random()).toBeLessThan(1);
    expect(crypto.randomBytes(4)).toHaveLength(4);
    expect(readFileSync(__filename, 'utf8')).toContain('as planned');
    await new Promise((resolve) => setImmediate(resolve));
  });
});
