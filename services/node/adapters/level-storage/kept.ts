import { DecodeError } from '../../core/protocol/bytes.js';
import type { Height, Hint, NodeId } from '../../core/types.js';
import type { Database } from './database.js';
import { HEIGHTS_KEY, hintedBy, rangeOf } from './keys.js';
import { openHeights, openHint } from './values.js';

/** What a directory keeps beside its records for its node to know at the start. */
export interface Kept {
  /** In their order. */
  readonly hints: readonly Hint[];
  readonly heights: ReadonlyMap<NodeId, Height>;
  /**
   * Keys in the database of what is damaged. It is given up: of a hint only the delivery is lost, which other repair
   * makes good, and heights are heard again, so that neither is worth a node that does not start.
   */
  readonly spoiled: readonly Uint8Array[];
}

/** Throws only where the database cannot be read. */
export async function loadKept(database: Database): Promise<Kept> {
  const hints: Hint[] = [];
  const spoiled: Uint8Array[] = [];
  const sound = <T>(key: Uint8Array, open: () => T): T | undefined => {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      spoiled.push(key);
      return undefined;
    }
  };
  const { gte, lt } = rangeOf('hint');
  const stream = database.entries(gte, lt);
  for (let chunk = await stream.next(); chunk.length > 0; chunk = await stream.next()) {
    for (const [key, value] of chunk) {
      const hint = sound(key, () => ({ ...hintedBy(key), order: openHint(key, value) }));
      if (hint) hints.push(hint);
    }
  }
  await stream.close();
  hints.sort((a, b) => a.order - b.order);
  const stored = database.get(HEIGHTS_KEY);
  const heights = stored && sound(HEIGHTS_KEY, () => openHeights(HEIGHTS_KEY, stored));
  return { hints, heights: heights ?? new Map(), spoiled };
}
