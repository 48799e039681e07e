/** A part of a bus that watches for silence. */
export interface Ticking {
  /** Sends a heartbeat and judges silence. */
  tick(nowMs: number): void;
  /** Counts time from now on: this process itself was stopped, so that silence says nothing about the others. */
  excuse(nowMs: number): void;
}

/**
 * One timer for a whole bus. Where it comes very late this process was stopped, and what the others sent meanwhile has
 * not been read yet: their silence is not judged. Gives what ends it.
 */
export function startTicking(
  { heartbeatMs, silenceMs }: { readonly heartbeatMs: number; readonly silenceMs: number },
  nowMs: () => number,
  parts: () => readonly Ticking[],
  onTick: (nowMs: number) => void,
): () => void {
  let lastMs = nowMs();
  const timer = setInterval(() => {
    const now = nowMs();
    const all = parts();
    if (now - lastMs > heartbeatMs + silenceMs / 2) all.forEach((part) => part.excuse(now));
    lastMs = now;
    all.forEach((part) => part.tick(now));
    onTick(now);
  }, heartbeatMs);
  return () => clearInterval(timer);
}
