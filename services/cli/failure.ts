/**
 * What `rondo` exits with. Scripts rely on these numbers; every `--help` lists them.
 *
 * - `negative`: the answer is no (nothing stored, a file missing or different).
 * - `usage`: the input is wrong; the same command will never work.
 * - `conflict`: somebody else wrote; a decision is needed.
 * - `unavailable`: the cluster did not do it, or the work was stopped; the same command may work later.
 */
export const EXIT = { ok: 0, negative: 1, usage: 2, conflict: 3, unavailable: 4 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What went wrong, for a person (`message` and `hint`, without a full stop at the end) and for a script (`code`). */
export interface Failure {
  readonly code: string;
  readonly exit: ExitCode;
  readonly message: string;
  /** What to do next. */
  readonly hint?: string | undefined;
  /** Whether a write may have happened. */
  readonly outcome?: 'none' | 'unknown' | undefined;
}

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export function usageError(message: string, hint?: string): CliError {
  return new CliError({ code: 'usage', exit: EXIT.usage, message, hint, outcome: 'none' });
}

/** Any thrown thing as a {@link Failure}; what nobody foresaw is `unavailable`, for the work is not done. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CliError) return error.failure;
  const message = error instanceof Error ? error.message : String(error);
  const code = errnoOf(error) ?? 'internal';
  return { code, exit: EXIT.unavailable, message };
}

/** The system's name of an I/O error (`ENOENT`), if it is one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('syscall' in error))
    return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** One line: what happened, and what to do next. */
export function failureLine(failure: Failure): string {
  const doubt = failure.outcome === 'unknown' ? ' (it may or may not have happened)' : '';
  const hint = failure.hint === undefined ? '' : `. ${failure.hint}`;
  return `rondo: ${failure.message}${doubt}${hint}.`.replace(/([.?!])\.$/, '$1');
}

export function failureJson(failure: Failure): string {
  const { code, message, hint, outcome } = failure;
  return JSON.stringify({ success: false, error: { code, message, hint, outcome } });
}

/** What every command's help ends with. */
export const EXIT_CODES_HELP = `
Exit codes:
  0  done
  1  no: not found, or some file is missing, different or could not be read
  2  wrong usage or refused input; the same command will never work
  3  conflict: a stale version, or siblings that need a decision
  4  the cluster is unavailable or not ready, or the work was stopped; try again`;
