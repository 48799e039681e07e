/**
 * Tries something again and again until it succeeds: here, to bring a storage back whose disk refused a batch. A full
 * disk is the usual reason, and it passes.
 */
export interface Recovery {
  /** Begins, unless it is under way already or stopped for good. */
  start(): void;
  /** Resolves when no attempt is running or will run. */
  stop(): Promise<void>;
}

export interface RecoveryOptions {
  readonly intervalMs: number;
  attempt(): Promise<void>;
  onSuccess(): void;
  onFailure(error: unknown): void;
}

export function createRecovery(options: RecoveryOptions): Recovery {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let stopped = false;

  const schedule = (): void => {
    timer = setTimeout(() => {
      running = run();
    }, options.intervalMs).unref();
  };

  const run = async (): Promise<void> => {
    try {
      await options.attempt();
      timer = undefined;
      options.onSuccess();
    } catch (error) {
      options.onFailure(error);
      if (!stopped) schedule();
    }
  };

  return {
    start() {
      if (!timer && !stopped) schedule();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
