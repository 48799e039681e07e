/**
 * The way into one life of a process. What arrives while it is stopped (SIGSTOP) waits and then comes all at once; what
 * arrives after its end is nobody's.
 */
export interface Gate {
  readonly open: boolean;
  readonly frozen: boolean;
  enter(task: () => void): void;
  freeze(): void;
  thaw(): void;
  close(): void;
}

export function createGate(): Gate {
  let open = true;
  let frozen = false;
  let waiting: (() => void)[] = [];
  return {
    get open() {
      return open;
    },
    get frozen() {
      return frozen;
    },
    enter: (task) => {
      if (!open) return;
      if (frozen) waiting.push(task);
      else task();
    },
    freeze: () => {
      frozen = true;
    },
    thaw: () => {
      frozen = false;
      const tasks = waiting;
      waiting = [];
      for (const task of tasks) if (open) task();
    },
    close: () => {
      open = false;
      waiting = [];
    },
  };
}
