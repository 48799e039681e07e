import childProcess from 'node:child_process';
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { performance as performanceOfNode } from 'node:perf_hooks';

/**
 * Nothing real may reach a simulation: while one runs, real timers, clocks, randomness and I/O throw, so that code which
 * depends on them is found at once and not as a seed that cannot be replayed.
 */

type Functions = Record<string, unknown>;

interface Target {
  readonly name: string;
  readonly object: Functions;
  readonly keys: readonly string[];
}

const RANDOMNESS = [
  ...['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'pseudoRandomBytes'],
  ...['getRandomValues', 'generateKeyPairSync', 'generateKeySync'],
];
const TIMERS = ['setTimeout', 'setInterval', 'setImmediate', 'fetch'];

/** Runs `run` with everything real forbidden, and allows it again afterwards. */
export async function guarded<T>(run: () => Promise<T>): Promise<T> {
  const undo = forbid();
  try {
    return await run();
  } finally {
    undo();
  }
}

function forbid(): () => void {
  const undo = [...targets().flatMap(forbidAll), forbidDate()];
  // Named imports of Node's own modules follow only when they are told.
  syncBuiltinESMExports();
  return () => {
    for (const restore of undo.reverse()) restore();
    syncBuiltinESMExports();
  };
}

function targets(): Target[] {
  const functionsOf = (name: string, object: object): Target => {
    const functions = object as Functions;
    const isPlainFunction = (key: string): boolean =>
      typeof functions[key] === 'function' && /^[a-z]/.test(key) && !key.startsWith('_');
    return { name, object: functions, keys: Object.keys(functions).filter(isPlainFunction) };
  };
  const chosen = (name: string, object: object, keys: readonly string[]): Target => ({
    name,
    object: object as Functions,
    keys: keys.filter((key) => typeof (object as Functions)[key] === 'function'),
  });
  return [
    chosen('globalThis', globalThis, TIMERS),
    chosen('Math', Math, ['random']),
    chosen('performance', performanceOfNode, ['now']),
    chosen('performance', globalThis.performance, ['now']),
    chosen('process', process, ['hrtime', 'uptime', 'nextTick']),
    chosen('crypto', crypto, RANDOMNESS),
    chosen('crypto', globalThis.crypto, ['getRandomValues', 'randomUUID']),
    ...[functionsOf('fs', fs), functionsOf('fs.promises', fsPromises), functionsOf('net', net)],
    ...[functionsOf('dns', dns), functionsOf('dgram', dgram), functionsOf('child_process', childProcess)],
  ];
}

function forbidAll({ name, object, keys }: Target): (() => void)[] {
  return keys.flatMap((key) => {
    const before = Object.getOwnPropertyDescriptor(object, key);
    // A getter that leads to a property that is guarded itself.
    if (before?.configurable === false) return [];
    const value = (): never => refuse(`${name}.${key}`);
    Object.defineProperty(object, key, { value, configurable: true, writable: true, enumerable: true });
    const restore = (): void => {
      if (before) Object.defineProperty(object, key, before);
      else Reflect.deleteProperty(object, key);
    };
    return [restore];
  });
}

/** A date of a given time is a value like any other; the present is not to be had. */
function forbidDate(): () => void {
  const real = globalThis.Date;
  const guardedDate = new Proxy(real, {
    construct: (target, args: unknown[]) =>
      args.length === 0 ? refuse('new Date()') : (Reflect.construct(target, args) as object),
    apply: () => refuse('Date()'),
    get: (target, key) => (key === 'now' ? () => refuse('Date.now') : (Reflect.get(target, key) as unknown)),
  });
  globalThis.Date = guardedDate;
  return () => {
    globalThis.Date = real;
  };
}

function refuse(what: string): never {
  throw new Error(`${what} was used inside a simulation`);
}
