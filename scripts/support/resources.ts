import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds, as the kernel counts it. */
export interface Resources {
  readonly memoryBytes: number;
  /** Of these, what is no page of a file: LevelDB maps its tables, and the kernel may take such pages back any time. */
  readonly ownBytes: number;
  readonly handles: number;
}

/** undefined where the process is gone. */
export function resourcesOf(pid: number): Resources | undefined {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
    const memoryBytes = bytesOf(status, 'VmRSS') ?? 0;
    const ownBytes = bytesOf(status, 'RssAnon') ?? memoryBytes;
    return { memoryBytes, ownBytes, handles: readdirSync(`/proc/${String(pid)}/fd`).length };
  } catch {
    return undefined;
  }
}

function bytesOf(status: string, name: string): number | undefined {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}
