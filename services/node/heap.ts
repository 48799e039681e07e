import { setFlagsFromString } from 'node:v8';

/**
 * A node holds little for long: about 17 MiB with a million keys. By default V8 lets several times as much of what is dead
 * pile up before it looks, which no request is faster for: reads cost the same CPU, and a node that has just built all
 * its hash trees holds 50 MiB of its own instead of 120.
 */
const GROWTH = '--heap-growing-percent=20';

/**
 * What Node.js itself has to be started with: bounds of V8's young generation. Work in the background does well with the
 * lower one. What many requests at a time hold for some milliseconds is copied with it, and counts as old, before it is
 * dead: at full load a PUT then costs a third more.
 */
export const NODE_FLAGS: readonly string[] = ['--min-semi-space-size=4', '--max-semi-space-size=16'];

/** No option to start with: V8 then takes 2 for less. */
const YOUNG = { stays: '--semi-space-growth-factor=1', grows: '--semi-space-growth-factor=2' } as const;
const LOOK_MS = 250;
const MANY_REQUESTS = 8;

/** To be called before other modules are loaded. A V8 that does not know a flag goes on without it. */
export function keepHeapSmall(): void {
  setFlagsFromString(GROWTH);
  setFlagsFromString(YOUNG.stays);
}

/** Lets the young generation grow while there are many requests; V8 itself shrinks it afterwards. Gives what ends that. */
export function giveRequestsRoom(liveRequests: () => number): () => void {
  const look = (): void => setFlagsFromString(liveRequests() < MANY_REQUESTS ? YOUNG.stays : YOUNG.grows);
  const timer = setInterval(look, LOOK_MS).unref();
  return () => clearInterval(timer);
}
