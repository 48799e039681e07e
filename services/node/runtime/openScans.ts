import { assertNever } from '../core/assert.js';
import type { Effect, NodeEvent, ScanId } from '../core/protocol/events.js';
import type { RecordScan, Storage } from '../ports/storage.js';

export type ScanEffect = Extract<Effect, { readonly type: 'scan' | 'scanNext' | 'scanEnd' }>;

/** The scans that the core has under way, and what the storage answers to them. */
export class OpenScans {
  readonly #storage: Storage;
  readonly #dispatch: (event: NodeEvent) => void;
  readonly #open = new Map<ScanId, RecordScan>();

  constructor(storage: Storage, dispatch: (event: NodeEvent) => void) {
    this.#storage = storage;
    this.#dispatch = dispatch;
  }

  perform(effect: ScanEffect): void {
    const { scan } = effect;
    switch (effect.type) {
      case 'scan':
        this.#storage.openScan(effect.range, (opened) => {
          if (opened) this.#open.set(scan, opened);
          this.#dispatch({ type: opened ? 'scanBegun' : 'scanFailed', scan });
        });
        return;
      case 'scanNext':
        this.#open.get(scan)?.next((page) => {
          this.#dispatch(page ? { type: 'scanned', scan, page } : { type: 'scanFailed', scan });
        });
        return;
      case 'scanEnd':
        this.#open.get(scan)?.close();
        this.#open.delete(scan);
        return;
      default:
        assertNever(effect);
    }
  }

  closeAll(): void {
    for (const scan of this.#open.values()) scan.close();
    this.#open.clear();
  }
}
