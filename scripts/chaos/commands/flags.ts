import { InvalidArgumentError, type Command } from 'commander';
import { FULL_SIZE } from '../../workload/verdict.js';
import type { LoadSize } from '../load.js';

/** Flags that several commands have. */
export interface SizeFlags {
  readonly clients: number;
  readonly keys: number;
  readonly acknowledged: number;
}

export interface TimedFlags extends SizeFlags {
  readonly seconds: number;
}

export function sized(command: Command): Command {
  return command
    .option('--clients <number>', 'clients, each with one request at a time', parseCount, 160)
    .option('--keys <number>', 'how many keys to write', parseCount, 1000)
    .option('--acknowledged <number>', 'go on until so many writes are acknowledged', parseCount, 12_000);
}

export function timed(command: Command): Command {
  return sized(command).option('--seconds <number>', 'longest time of the load of one run', parseCount, 300);
}

export function sizeOf(flags: SizeFlags, seconds: number): LoadSize {
  const { clients, keys, acknowledged } = flags;
  return { clients, keys, acknowledged, inFlight: FULL_SIZE.inFlightAtFaultMin, timeoutMs: seconds * 1000 };
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('a whole number from 1 is wanted');
  return value;
}
