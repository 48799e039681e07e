type Done = (ok: boolean) => void;

/**
 * Does `work` for every item, at most `atOnce` at a time, in order; after a failure nothing further is begun. `all` is
 * told once, when nothing is under way any more, whether everything was done.
 */
export function inTurns<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, done: Done) => void,
  all: Done,
): void {
  let next = 0;
  let underway = 0;
  let failed = false;
  let beginning = false;
  const begin = (): void => {
    if (beginning) return;
    beginning = true;
    while (!failed && underway < atOnce && next < items.length) {
      const item = items[next++] as T;
      underway += 1;
      work(item, once(ended));
    }
    beginning = false;
    if (underway === 0) all(!failed);
  };
  const ended = (ok: boolean): void => {
    underway -= 1;
    failed ||= !ok;
    begin();
  };
  begin();
}

function once(done: Done): Done {
  let called = false;
  return (ok) => {
    if (called) return;
    called = true;
    done(ok);
  };
}
