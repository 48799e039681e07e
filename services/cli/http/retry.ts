/**
 * When a call is tried again, and where: pure decisions, the client sleeps and sends.
 *
 * Each URL gets one try at once; after that there are pauses that double, with jitter so that 32 workers do not come
 * back together, until `retryMs` are over. A PUT keeps its requestId through all of them, which makes that safe.
 */

export interface RetryState {
  /** Tries already made, at least 1. */
  readonly tries: number;
  readonly urls: number;
  readonly elapsedMs: number;
  /** How long to go on trying; 0: every URL once. */
  readonly retryMs: number;
  /** What the server asked for. */
  readonly retryAfterMs?: number | undefined;
}

const PAUSE_MS_FIRST = 50;
const PAUSE_MS_MAX = 2_000;
const RETRY_AFTER_MS_MAX = 5_000;

/** Milliseconds to wait before the next try, or null to give up. `random` is in [0, 1). */
export function nextPauseMs(state: RetryState, random: number): number | null {
  if (state.tries < state.urls) return 0;
  const doubled = PAUSE_MS_FIRST * 2 ** Math.min(state.tries - state.urls, 10);
  const pause = Math.min(doubled, PAUSE_MS_MAX) * (0.5 + random / 2);
  const asked = Math.min(state.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
  const waitMs = Math.max(pause, asked);
  return state.elapsedMs + waitMs < state.retryMs ? waitMs : null;
}

/** Statuses that the same call may overcome later or elsewhere; proxies add 502 and 504. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** `code` as in the error body: too many siblings stay too many until somebody resolves them. */
export function retryableReply(status: number, code: string | undefined): boolean {
  return RETRYABLE.has(status) && code !== 'too_many_siblings';
}

/** The URLs in turn, passing over one for a while after it failed. */
export interface Rotation {
  /** The URL of a call's next try. */
  next(nowMs: number): URL;
  failed(url: URL, nowMs: number): void;
}

const PASS_OVER_MS = 1_000;

export function createRotation(urls: readonly [URL, ...URL[]]): Rotation {
  const failedAtMs = new Map<URL, number>();
  let turn = 0;
  const rested = (url: URL, nowMs: number): boolean =>
    nowMs - (failedAtMs.get(url) ?? -PASS_OVER_MS) >= PASS_OVER_MS;
  return {
    next: (nowMs) => {
      const order = [...urls.slice(turn), ...urls.slice(0, turn)];
      const chosen = order.find((url) => rested(url, nowMs)) ?? order[0] ?? urls[0];
      turn = (urls.indexOf(chosen) + 1) % urls.length;
      return chosen;
    },
    failed: (url, nowMs) => void failedAtMs.set(url, nowMs),
  };
}
