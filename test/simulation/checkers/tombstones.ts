import type { NodeEvent } from '../../../services/node/core/protocol/events.js';
import { isExpired } from '../../../services/node/core/repair/tombstones.js';
import type { Key, VersionedRecord } from '../../../services/node/core/types.js';
import { isTombstone, sameRecord } from '../../../services/node/core/versioning/record.js';
import { decodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import type { Plan } from '../plan.js';
import type { DotLedger } from './dots.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

/**
 * Judges the end of tombstones (R13): a replica forgets one only when no directory in use has anything else of the key,
 * and one that may be forgotten is not given to a complete replica that has nothing. And the end of entries of clocks
 * (R14): a replica forgets one only when no directory in use has a live value that it stands for.
 */
interface Judged {
  readonly scene: Scene;
  readonly dots: DotLedger;
}

export function createTombstoneChecker(
  scene: Scene,
  dots: DotLedger,
  { tombstoneGraceMs, requestTimeoutMs }: Plan,
): { stepped(step: Step): void } {
  /** It may have expired while it was on its way. */
  const expiryMs = tombstoneGraceMs + 3 * requestTimeoutMs;
  return {
    stepped: (step) => {
      for (const effect of step.effects) {
        if (effect.type === 'drop') checkDrop(scene, step, effect.key);
        if (effect.type === 'store') checkTrim(scene, step, effect.key, effect.record);
      }
      if (step.event.type === 'message') checkPull({ scene, dots }, step, step.event, expiryMs);
    },
  };
}

function checkDrop(scene: Scene, { node, directory }: Step, key: Key): void {
  const bytes = directory.records.get(key);
  const dropped = bytes && decodeRecord(bytes);
  if (!dropped || !isTombstone(dropped) || !scene.primaries(key).includes(node)) return;
  for (const other of scene.currentDirectories()) {
    const theirs = other.records.get(key);
    if (!theirs || sameRecord(decodeRecord(theirs), dropped)) continue;
    scene.report('R13', `${node} forgets the tombstone of ${key} while ${other.node} has something else`);
  }
}

function checkTrim(scene: Scene, { node, directory }: Step, key: Key, stored: VersionedRecord): void {
  const bytes = directory.records.get(key);
  if (!bytes || directory.quarantined.has(key)) return;
  const kept = new Set(stored.clock.map(({ actor }) => actor));
  for (const { actor, counter } of decodeRecord(bytes).clock) {
    if (kept.has(actor)) continue;
    for (const other of scene.currentDirectories()) {
      const theirs = other.records.get(key);
      const live = theirs ? decodeRecord(theirs).siblings : [];
      if (!live.some(({ dot }) => dot.actor === actor && dot.counter <= counter)) continue;
      scene.report(
        'R14',
        `${node} forgets ${actor} in the clock of ${key}, of which ${other.node} has a value`,
      );
    }
  }
}

/** A damaged record is another matter: everything is wanted that others have. */
function checkPull(
  { scene, dots }: Judged,
  { node, directory }: Step,
  { from, message }: Extract<NodeEvent, { type: 'message' }>,
  expiryMs: number,
): void {
  if (message.type !== 'pulled' || message.answer.status !== 'found' || !directory.complete) return;
  const { record } = message.answer;
  if (!isExpired(record, scene.wallMs(from), expiryMs)) return;
  const key = dots.keyOf(record.siblings[0]!.dot);
  if (key === undefined || directory.records.has(key) || directory.quarantined.has(key)) return;
  if (!scene.primaries(key).includes(node)) return;
  scene.report('R13', `${node}, which has nothing, is given the expired tombstone of ${key}`);
}
