import { assert } from '../assert.js';
import type { StoreReading, SwapResult } from '../protocol/store.js';
import type { DocumentPort } from './port.js';

/** What the store held at some moment after `askedAtMs`. */
export interface Held {
  /** 0: nothing. */
  readonly index: number;
  readonly text: string;
  readonly askedAtMs: number;
}

/** Also when nothing was heard of a change: a watch may have died unnoticed. */
const LOOK_EVERY_MS = 3000;
const LOOK_AGAIN_MS = 500;

/**
 * The store of the cluster document as this node uses it: one question and one change at a time. All that is known of it
 * comes from answers to questions, each of which shows what was there after it was asked; that something has changed is
 * only a reason to ask.
 */
export class Store {
  readonly #port: Pick<DocumentPort, 'now' | 'readStore' | 'swapStore'>;
  readonly #onHeld: (held: Held) => void;
  #waiting: ((held: Held | undefined) => void)[] = [];
  /** Of the question under way: when it was asked, and who waits for its answer. */
  #asked:
    { readonly atMs: number; readonly readers: readonly ((held: Held | undefined) => void)[] } | undefined;
  #onSwapped: ((result: SwapResult) => void) | undefined;
  #lookAtMs = 0;

  /** @param onHeld told of every answer, whoever asked, before whoever asked */
  constructor(port: Pick<DocumentPort, 'now' | 'readStore' | 'swapStore'>, onHeld: (held: Held) => void) {
    this.#port = port;
    this.#onHeld = onHeld;
  }

  get isSwapping(): boolean {
    return this.#onSwapped !== undefined;
  }

  /** `done` gets what the store holds from now on, or undefined where it cannot be had. */
  read(done: (held: Held | undefined) => void): void {
    this.#waiting.push(done);
    this.#askOnce();
  }

  /** Replaces what is there if it is still of this index; no other change may be under way. */
  swap(index: number, text: string, done: (result: SwapResult) => void): void {
    assert(!this.isSwapping, 'one change of the store at a time');
    this.#onSwapped = done;
    this.#port.swapStore(index, text);
  }

  /** It may hold something else. */
  look(): void {
    this.#lookAtMs = 0;
    this.tick();
  }

  /** The answer to `readStore`. */
  onRead(reading: StoreReading): void {
    const asked = this.#asked;
    if (!asked) return;
    this.#asked = undefined;
    const isRead = reading.status === 'read';
    this.#lookAtMs = Math.min(this.#lookAtMs, this.#nowMs + (isRead ? LOOK_EVERY_MS : LOOK_AGAIN_MS));
    const held = isRead ? { index: reading.index, text: reading.text, askedAtMs: asked.atMs } : undefined;
    if (held) this.#onHeld(held);
    for (const done of asked.readers) done(held);
    if (this.#waiting.length > 0) this.#askOnce();
  }

  /** The answer to `swapStore`. */
  onSwapped(result: SwapResult): void {
    const done = this.#onSwapped;
    this.#onSwapped = undefined;
    done?.(result);
  }

  tick(): void {
    if (!this.#asked && this.#nowMs >= this.#lookAtMs) this.#ask();
  }

  get #nowMs(): number {
    return this.#port.now.monotonicMs;
  }

  #askOnce(): void {
    if (!this.#asked) this.#ask();
  }

  #ask(): void {
    this.#asked = { atMs: this.#nowMs, readers: this.#waiting };
    this.#waiting = [];
    this.#lookAtMs = Infinity;
    this.#port.readStore();
  }
}
