/** The life of a registry, for the loops in it: a loop sleeps, is woken early, and ends with it. */
export interface Life {
  hasEnded(): boolean;
  /** Wakes all who sleep. */
  end(): void;
  sleeper(): Sleeper;
}

/** For one loop. */
export interface Sleeper {
  /** Resolves after so long, when woken, or at the end; at once where it was woken since it slept last. */
  sleep(ms: number): Promise<void>;
  /** Likewise, but not woken early. */
  pause(ms: number): Promise<void>;
  wake(): void;
}

export function createLife(): Life {
  const endings = new Set<() => void>();
  let ended = false;
  return {
    hasEnded: () => ended,
    end: () => {
      ended = true;
      for (const end of [...endings]) end();
    },
    sleeper: () => createSleeper(() => ended, endings),
  };
}

function createSleeper(hasEnded: () => boolean, endings: Set<() => void>): Sleeper {
  let woken = false;
  let wakeSleeping: (() => void) | undefined;

  function wait(ms: number, onWait: (end: () => void) => void): Promise<void> {
    if (hasEnded() || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        endings.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      endings.add(end);
      onWait(end);
    });
  }

  return {
    sleep: async (ms) => {
      if (!woken) await wait(ms, (end) => (wakeSleeping = end));
      wakeSleeping = undefined;
      woken = false;
    },
    pause: (ms) => wait(ms, () => undefined),
    wake: () => {
      woken = true;
      wakeSleeping?.();
    },
  };
}
