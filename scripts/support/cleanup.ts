/**
 * What must be undone whatever happens, undone in reverse order. Once it has run it is closed: anything that is deferred
 * later, by work that was under way when a signal came, is undone at once.
 */
export interface Cleanup {
  /** `what` names the step in the message of a failure. */
  defer(what: string, dispose: () => void | Promise<void>): void;
  /** Runs every step, also after failures; then throws if one of them failed. Idempotent. */
  run(): Promise<void>;
}

export function newCleanup(): Cleanup {
  const steps: { readonly what: string; readonly dispose: () => void | Promise<void> }[] = [];
  let ran: Promise<void> | undefined;
  const runAll = async (): Promise<void> => {
    const failures: string[] = [];
    for (let step = steps.pop(); step; step = steps.pop()) {
      try {
        await step.dispose();
      } catch (error) {
        failures.push(`${step.what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (failures.length > 0) throw new Error(`cleaning up failed: ${failures.join('; ')}`);
  };
  return {
    defer: (what, dispose) => {
      steps.push({ what, dispose });
      if (ran) ran = ran.then(runAll);
    },
    run: () => (ran ??= runAll()),
  };
}
