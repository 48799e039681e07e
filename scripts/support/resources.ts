import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds, as the kernel counts it. */
export interface Resources {
  readonly memoryBytes: number;
  readonly handles: number;
}

/** undefined where the process is gone. */
export function resourcesOf(pid: number): Resources | undefined {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
    const kibibytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    return { memoryBytes: kibibytes * 1024, handles: readdirSync(`/proc/${String(pid)}/fd`).length };
  } catch {
    return undefined;
  }
}
