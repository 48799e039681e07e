import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from '../support/cleanup.js';

/**
 * A disk whose power can be cut: ext4 in a file, mounted so that the kernel writes back late of its own accord. A copy of
 * the file holds what had reached the disk at that moment: everything that was synced, and little else. (After SIGKILL
 * alone the kernel still has every page, so that it proves nothing about fsync.)
 */
export interface LoopDisk {
  readonly mountPoint: string;
  /** Copies the file as it is now, mounts the copy beside it, and gives the place; to be called once. */
  mountCopy(): string;
}

const SIZE_BYTES = 512 * 1024 * 1024;

/** Why loop disks cannot be used here; undefined where they can. */
export function whyNoLoopDisk(): string | undefined {
  if (process.getuid?.() !== 0) return 'a power cut needs root, to mount a file system of its own';
  for (const tool of ['mkfs.ext4', 'mount', 'umount', 'cp']) {
    try {
      execFileSync('which', [tool], { stdio: 'ignore' });
    } catch {
      return `a power cut needs ${tool}`;
    }
  }
  return undefined;
}

/** Throws with the tool's own words where the disk cannot be made. What is mounted is unmounted by `cleanup`. */
export function makeLoopDisk(folder: string, cleanup: Cleanup): LoopDisk {
  const image = join(folder, 'disk.img');
  const copy = join(folder, 'disk-copy.img');
  const [mountPoint, copyPoint] = [join(folder, 'disk'), join(folder, 'disk-copy')];
  for (const point of [mountPoint, copyPoint]) {
    mkdirSync(point);
    cleanup.defer(`unmount ${point}`, () => unmount(point));
  }
  writeFileSync(image, '');
  truncateSync(image, SIZE_BYTES);
  run('mkfs.ext4', ['-q', '-F', image]);
  run('mount', ['-o', 'loop,commit=600', image, mountPoint]);
  return {
    mountPoint,
    mountCopy: () => {
      run('cp', ['--sparse=always', image, copy]);
      run('mount', ['-o', 'loop,commit=600', copy, copyPoint]);
      return copyPoint;
    },
  };
}

/** The loop device goes with the mount that made it. */
function unmount(point: string): void {
  if (isMounted(point)) run('umount', [point]);
}

function isMounted(point: string): boolean {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  return mounts.some((line) => line.split(' ')[1] === point);
}

function run(command: string, args: readonly string[]): void {
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const { stderr } = error as { readonly stderr?: Buffer };
    throw new Error(`${command} ${args.join(' ')}: ${stderr?.toString().trim() ?? String(error)}`);
  }
}
