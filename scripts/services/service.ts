import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { tailOf, waitUntil, type Started } from '../support/processes.js';
import { ServiceError } from './programs.js';

/** A real service that runs on this machine for us alone. */
export interface Service {
  /** Its processes, the one that serves first; they are ended in this order. */
  readonly processes: readonly NamedProcess[];
  /** Of the process that serves. */
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Ends all of its processes in order; resolves when they are gone. Idempotent. */
  stop(): Promise<void>;
}

export interface NamedProcess {
  readonly name: string;
  readonly started: Started;
}

/** What all services are started with. */
export interface ServiceOptions {
  /** Holds data, logs and settings; a service started again in the same folder goes on with them. */
  readonly folder: string;
  /** It gets a session of its own and outlives this process. */
  readonly stays?: boolean;
  /** Told of the processes at once, before they serve: whoever has to end them after a fault knows them then. */
  readonly onLaunched?: (processes: readonly NamedProcess[]) => void;
  readonly readyTimeoutMs?: number;
}

export const HOST = '127.0.0.1';

/** Waits until `condition` holds; fails at once where the process has ended, and shows the end of its log. */
export async function untilServing(
  what: string,
  { started, logFile, timeoutMs }: { started: Started; logFile: string; timeoutMs: number },
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const endedOrServing = async (): Promise<boolean> => !started.isRunning() || (await condition());
  try {
    await waitUntil(`${what} is ready`, endedOrServing, timeoutMs);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ServiceError(`${message}\n${tailOf(logFile)}`);
  }
  if (started.isRunning()) return;
  throw new ServiceError(`${what} ended while it was starting:\n${tailOf(logFile)}`);
}

/** What a server says first to `greeting`; empty where nobody listens, or nothing comes in time. */
export function firstBytes(port: number, greeting: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: HOST });
    const end = (bytes: Uint8Array): void => {
      socket.destroy();
      resolve(bytes);
    };
    socket.setTimeout(timeoutMs, () => end(new Uint8Array()));
    socket.once('connect', () => socket.write(greeting));
    socket.once('data', end);
    socket.once('error', () => end(new Uint8Array()));
    socket.once('close', () => end(new Uint8Array()));
  });
}

/** Whether somebody listens. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: HOST });
    const end = (listening: boolean): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** Throws a {@link ServiceError} where one of the ports has a listener already. */
export async function checkFree(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (await isListening(port)) {
      throw new ServiceError(`Port ${String(port)} is taken: end what listens there, or choose other ports.`);
    }
  }
}

/** A file of infra/, by its full path. */
export function infraFile(folder: string, name: string): string {
  return join(process.cwd(), 'infra', folder, name);
}

/** Makes a secret once, and keeps it in a file that others cannot read. */
export function keptSecret(file: string, make: () => string): string {
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}
