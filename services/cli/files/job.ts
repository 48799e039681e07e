import { EXIT, failureLine, failureOf, type ExitCode, type Failure } from '../failure.js';
import type { Context } from '../host.js';
import type { StoreClient } from '../http/client.js';
import { startProgress, type Progress } from '../view/progress.js';
import { count, counted, duration, megabytes, pathText } from '../view/text.js';
import { createSlots, type Slots } from './slots.js';

/** What import, export and verify share: progress, problems of single files, Ctrl-C, the summary. */

export interface JobOptions {
  readonly prefix: string;
  readonly concurrency: number;
  readonly retryMs: number;
  readonly quorum?: string;
}

/** A file that did not go as it should; the others go on. */
export interface Problem {
  readonly path: string;
  readonly kind: string;
  readonly reason: string;
}

export interface Job {
  readonly store: StoreClient;
  readonly slots: Slots;
  readonly signal: AbortSignal;
  readonly progress: Mutable<Progress>;
  problem(path: string, kind: string, reason: string): void;
  problems(kind?: string): number;
}

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };

/** What a job says of itself at its end: one list of facts for people, one for scripts. */
export interface JobReport {
  readonly lines: readonly string[];
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface JobPlan {
  /** Shown in front of the progress. */
  readonly label: string;
  /** Rejects where the job cannot go on. */
  run(job: Job): Promise<void>;
  report(job: Job): JobReport;
}

const PROBLEMS_SHOWN_MAX = 20;
const PROBLEMS_LISTED_MAX = 1_000;

interface Outcome {
  readonly seconds: number;
  readonly failure: Failure | undefined;
  readonly exit: ExitCode;
}

/** Runs a plan to its end, its failure or Ctrl-C, prints the summary and gives the exit code. */
export async function runJob(context: Context, options: JobOptions, plan: JobPlan): Promise<ExitCode> {
  const stop = new AbortController();
  const store = context.connect({ retryMs: options.retryMs, signal: stop.signal });
  const progress = { files: 0, bytes: 0, filesTotal: 0, bytesTotal: 0 };
  const reporter = startProgress(context.terminal, plan.label, () => progress);
  const problems = problemList((line) => reporter.note(line));
  const slots = createSlots(options.concurrency);
  const job: Job = { store, slots, signal: stop.signal, progress, ...problems };
  const off = context.terminal.onInterrupt(() => {
    off();
    stop.abort();
    reporter.note('Stopping when what is under way has ended; once more ends it at once.');
  });
  const startedMs = performance.now();
  const failure = await failureFrom(plan.run(job));
  // Chunks that were asked for in advance and are no longer wanted are not tried again.
  stop.abort();
  off();
  reporter.stop();
  const exit = failure?.exit ?? (problems.problems() > 0 ? EXIT.negative : EXIT.ok);
  const outcome = { seconds: (performance.now() - startedMs) / 1000, failure, exit };
  summarize(context, plan, job, problems.listed, outcome);
  return exit;
}

async function failureFrom(run: Promise<void>): Promise<Failure | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

function problemList(
  note: (line: string) => void,
): Pick<Job, 'problem' | 'problems'> & { listed: Problem[] } {
  const listed: Problem[] = [];
  const counts = new Map<string, number>();
  const total = (): number => [...counts.values()].reduce((sum, n) => sum + n, 0);
  return {
    listed,
    problem: (path, kind, reason) => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (listed.length < PROBLEMS_LISTED_MAX) listed.push({ path: pathText(path), kind, reason });
      if (total() <= PROBLEMS_SHOWN_MAX) note(`${kind}: ${pathText(path)}: ${reason}`);
      else if (total() === PROBLEMS_SHOWN_MAX + 1)
        note('Further problems are only counted (--json lists them).');
    },
    problems: (kind) => (kind === undefined ? total() : (counts.get(kind) ?? 0)),
  };
}

function summarize(
  { json, terminal }: Context,
  plan: JobPlan,
  job: Job,
  listed: readonly Problem[],
  { seconds, failure, exit }: Outcome,
): void {
  const { files, bytes } = job.progress;
  const { lines, facts } = plan.report(job);
  const megabytesPerSecond = seconds > 0 ? Number((bytes / 1e6 / seconds).toFixed(1)) : 0;
  const retried = job.store.retried();
  if (json) {
    const rate = { files, bytes, seconds: Number(seconds.toFixed(3)), megabytesPerSecond, retried };
    const error = failure && { code: failure.code, message: failure.message, hint: failure.hint };
    const finished = failure === undefined;
    const summary = { success: exit === EXIT.ok, finished, ...rate, ...facts, problems: listed, error };
    terminal.writeOut(`${JSON.stringify(summary)}\n`);
    return;
  }
  const pace = `${duration(seconds * 1000)} (${seconds.toFixed(1)} s, ${megabytesPerSecond} MB/s)`;
  const head = `${plan.label}: ${counted(files, 'file')}, ${megabytes(bytes)} MB in ${pace}.`;
  const tail = retried > 0 ? [`Requests tried again: ${count(retried)}.`] : [];
  terminal.writeOut(`${[head, ...lines, ...tail].join('\n')}\n`);
  if (!failure) return;
  const again = exit === EXIT.unavailable ? ' Run the same command again to continue.' : '';
  terminal.writeErr(`${failureLine(failure)}${again}\n`);
}
