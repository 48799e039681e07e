import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, waitUntil } from '../support/processes.js';
import type { ServiceName } from './inventory.js';
import { ServiceError } from './programs.js';

/**
 * Which services a folder has running, kept in a file, so that a later command finds and ends them. A pid is written down
 * with what distinguishes its process from any later one with the same number: nothing else is ever signalled.
 */
export interface RecordedProcess {
  readonly name: string;
  readonly pid: number;
  readonly identity: string;
}

export interface RecordedService {
  readonly name: ServiceName;
  /** In the order in which they are ended. */
  readonly processes: readonly RecordedProcess[];
  /** Where it is reached, the place that others use first; known once it serves. */
  readonly urls: readonly string[];
  /** Where it listens as long as it serves. */
  readonly port: number;
}

const STATE_FILE = 'state.json';

export function readState(folder: string): readonly RecordedService[] {
  const file = join(folder, STATE_FILE);
  if (!existsSync(file)) return [];
  const services = parseState(readFileSync(file, 'utf8'));
  if (services) return services;
  throw new ServiceError(`${file} is damaged: end by hand what runs in ${folder}, then remove the file.`);
}

/** Undefined where the text is not what {@link recordService} writes. */
export function parseState(text: string): readonly RecordedService[] | undefined {
  try {
    const { services } = JSON.parse(text) as { readonly services?: unknown };
    return Array.isArray(services) && services.every(isService) ? services : undefined;
  } catch {
    return undefined;
  }
}

/** Puts it in the place of what was known of the service. */
export function recordService(folder: string, service: RecordedService): void {
  const others = readState(folder).filter(({ name }) => name !== service.name);
  writeState(folder, [...others, service]);
}

export function forgetService(folder: string, name: ServiceName): void {
  writeState(
    folder,
    readState(folder).filter((service) => service.name !== name),
  );
}

export function recordProcess(name: string, pid: number): RecordedProcess {
  return { name, pid, identity: identityOf(pid) ?? '' };
}

/** Whether the very process that was written down is there. */
export function isThere({ pid, identity }: RecordedProcess): boolean {
  return identity !== '' && identityOf(pid) === identity;
}

/** SIGTERM, and SIGKILL where it is still there after `timeoutMs`; resolves when it is gone. */
export async function endRecorded(recorded: RecordedProcess, timeoutMs: number): Promise<void> {
  const isGone = (): boolean => !isThere(recorded);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (isGone()) return;
    process.kill(recorded.pid, signal);
    await waitUntil(`${recorded.name} has ended`, isGone, timeoutMs).catch((error: unknown) => {
      if (signal === 'SIGKILL') throw error;
    });
  }
}

function writeState(folder: string, services: readonly RecordedService[]): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, STATE_FILE);
  // URLs hold a password.
  writeFileSync(`${file}.tmp`, JSON.stringify({ services }, null, 2), { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

function isService(value: unknown): value is RecordedService {
  const { name, processes, urls, port } = (value ?? {}) as Partial<RecordedService>;
  const areProcesses = Array.isArray(processes) && processes.every(isProcess);
  return typeof name === 'string' && areProcesses && Array.isArray(urls) && typeof port === 'number';
}

function isProcess(value: unknown): value is RecordedProcess {
  const { pid, identity } = (value ?? {}) as Partial<RecordedProcess>;
  return Number.isSafeInteger(pid) && Number(pid) > 0 && typeof identity === 'string';
}
