import type { Terminal } from '../terminal.js';
import { clip, count, duration, megabytes } from './text.js';

/** How far a job is. Bytes and files both count, for a thousand empty files take time as well. */
export interface Progress {
  readonly files: number;
  readonly bytes: number;
  readonly filesTotal: number;
  readonly bytesTotal: number;
}

export interface Pace {
  readonly bytesPerSecond: number;
  /** null while nothing can be said. */
  readonly leftMs: number | null;
}

/** What one more file costs, in bytes that would take as long. */
const FILE_WORTH_BYTES = 16 * 1024;
/** The pace is that of the last so many milliseconds. */
const WINDOW_MS = 10_000;

/** Tells the pace from the samples that it is given; pure but for its memory. */
export interface Pacer {
  sample(nowMs: number, progress: Progress): Pace;
}

export function createPacer(startMs: number): Pacer {
  const samples = [{ atMs: startMs, bytes: 0, work: 0 }];
  return {
    sample: (nowMs, progress) => {
      samples.push({ atMs: nowMs, bytes: progress.bytes, work: workOf(progress.bytes, progress.files) });
      // One sample from before the window stays: the pace is measured from it.
      while (samples.length > 2 && (samples[1]?.atMs ?? nowMs) <= nowMs - WINDOW_MS) samples.shift();
      const [first, last] = [samples[0], samples.at(-1)];
      const elapsedMs = first && last ? last.atMs - first.atMs : 0;
      if (!first || !last || elapsedMs <= 0) return { bytesPerSecond: 0, leftMs: null };
      const workPerMs = (last.work - first.work) / elapsedMs;
      const left = Math.max(0, workOf(progress.bytesTotal, progress.filesTotal) - last.work);
      return {
        bytesPerSecond: (1000 * (last.bytes - first.bytes)) / elapsedMs,
        leftMs: workPerMs > 0 ? left / workPerMs : null,
      };
    },
  };
}

function workOf(bytes: number, files: number): number {
  return bytes + files * FILE_WORTH_BYTES;
}

export function progressLine(label: string, progress: Progress, pace: Pace): string {
  const { files, filesTotal, bytes, bytesTotal } = progress;
  const left = pace.leftMs === null ? '' : `  ${duration(pace.leftMs)} left`;
  const done = `${count(files)}/${count(filesTotal)} files  ${megabytes(bytes)}/${megabytes(bytesTotal)} MB`;
  return `${label}  ${done}  ${megabytes(pace.bytesPerSecond)} MB/s${left}`;
}

export interface ProgressReporter {
  /** A line that stays, above the progress. */
  note(line: string): void;
  stop(): void;
}

const TTY_INTERVAL_MS = 200;
const PLAIN_INTERVAL_MS = 2_000;

/** On a terminal one line that changes, elsewhere a line every two seconds. Does not keep the process alive. */
export function startProgress(terminal: Terminal, label: string, read: () => Progress): ProgressReporter {
  const pacer = createPacer(performance.now());
  const clear = terminal.errIsTty ? '\r\x1b[K' : '';
  const draw = (): void => {
    const progress = read();
    if (progress.filesTotal === 0) return;
    const line = progressLine(label, progress, pacer.sample(performance.now(), progress));
    terminal.writeErr(terminal.errIsTty ? `${clear}${clip(line, terminal.columns - 1)}` : `${line}\n`);
  };
  const timer = setInterval(draw, terminal.errIsTty ? TTY_INTERVAL_MS : PLAIN_INTERVAL_MS);
  timer.unref();
  return {
    note: (line) => terminal.writeErr(`${clear}${line}\n`),
    stop: () => {
      clearInterval(timer);
      terminal.writeErr(clear);
    },
  };
}
