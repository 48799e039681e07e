import type { ScanId, ScanPage, ScanRange } from '../protocol/events.js';
import type { Outbox } from '../protocol/outbox.js';

/** What reads part of the records, page by page. Ends exactly once, unless it is cancelled. */
export interface Scan {
  /** The view is fixed: every change that was stored before is in it, and none that is stored later. */
  begun?(): void;
  page(page: ScanPage): void;
  ended(how: 'whole' | 'failed'): void;
}

/** The scans under way on this node's disk; each asks for its next page when it has dealt with the last. */
export class Scans {
  readonly #outbox: Outbox;
  readonly #underway = new Map<ScanId, Scan>();
  #last: ScanId = 0;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  get size(): number {
    return this.#underway.size;
  }

  /** Returns what cancels it. */
  start(range: ScanRange, scan: Scan): () => void {
    const id = ++this.#last;
    this.#underway.set(id, scan);
    this.#outbox.scan(id, range);
    return () => {
      if (this.#underway.delete(id)) this.#outbox.scanEnd(id);
    };
  }

  onBegun(id: ScanId): void {
    const scan = this.#underway.get(id);
    if (!scan) {
      // It was cancelled while there was nothing to let go yet.
      this.#outbox.scanEnd(id);
      return;
    }
    scan.begun?.();
    if (this.#underway.has(id)) this.#outbox.scanNext(id);
  }

  onPage(id: ScanId, page: ScanPage): void {
    const scan = this.#underway.get(id);
    if (!scan) return;
    scan.page(page);
    if (!this.#underway.has(id)) return;
    if (!page.isLast) this.#outbox.scanNext(id);
    else this.#end(id, scan, 'whole');
  }

  onFailed(id: ScanId): void {
    const scan = this.#underway.get(id);
    if (scan) this.#end(id, scan, 'failed');
  }

  #end(id: ScanId, scan: Scan, how: 'whole' | 'failed'): void {
    this.#underway.delete(id);
    this.#outbox.scanEnd(id);
    scan.ended(how);
  }
}
