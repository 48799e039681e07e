import type { NodeEvent } from '../../../services/node/core/protocol/events.js';
import { expiresInMs, isExpired } from '../../../services/node/core/repair/tombstones.js';
import type { Key, VersionedRecord } from '../../../services/node/core/types.js';
import { compareDots, covers } from '../../../services/node/core/versioning/clock.js';
import { isTombstone, sameRecord } from '../../../services/node/core/versioning/record.js';
import { decodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import { isComplete, type Machine } from '../machine.js';
import type { Plan } from '../plan.js';
import type { DotLedger } from './dots.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

/**
 * Judges the end of tombstones (R13): a replica forgets one only when no directory in use has anything that it supersedes,
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

/** Graces that are longer may end after the simulation, or go by too slow a turn. */
const GRACE_JUDGED_MS_MAX = 5000;
/** For a few rounds. */
const REAPING_MS = 10_000;

/**
 * When all has been well for long enough, no tombstone is left that has expired by every clock, even for the replica whose
 * turn comes last.
 */
export function checkReaped(
  scene: Scene,
  machines: readonly Machine[],
  keys: readonly Key[],
  graceMs: number,
): void {
  if (graceMs > GRACE_JUDGED_MS_MAX || !machines.every(isComplete)) return;
  for (const key of keys) {
    const primaries = scene.primaries(key);
    // Who is owed the key, or has lost track of it, keeps its tombstone.
    const isHeldUp = machines.some(({ directory: { hints, quarantined } }) => {
      return quarantined.has(key) || [...hints.values()].some((hint) => hint.key === key);
    });
    const lastMs = graceMs * (1 + primaries.length / 2) + REAPING_MS;
    const left = machines.filter(({ id, directory: { records } }) => {
      const bytes = records.get(key);
      return (
        bytes && primaries.includes(id) && expiresInMs(decodeRecord(bytes), scene.wallMs(id), lastMs) <= 0
      );
    });
    if (isHeldUp || left.length === 0) continue;
    const isOver = machines.every(({ id, directory }) => {
      const bytes = directory.records.get(key);
      return !bytes || expiresInMs(decodeRecord(bytes), scene.wallMs(id), lastMs) <= 0;
    });
    const names = left.map(({ id }) => id).join(', ');
    if (isOver) scene.report('R13', `${names} still keep the tombstone of ${key}, which expired long ago`);
  }
}

function checkDrop(scene: Scene, { node, directory }: Step, key: Key): void {
  const bytes = directory.records.get(key);
  const dropped = bytes && decodeRecord(bytes);
  if (!dropped || !scene.primaries(key).includes(node)) return;
  if (!isTombstone(dropped)) {
    scene.report('I13', `${node} forgets the values of ${key}, which it holds`);
    return;
  }
  for (const other of scene.currentDirectories()) {
    const theirs = other.records.get(key);
    if (!theirs || !supersedes(dropped, decodeRecord(theirs))) continue;
    scene.report('R13', `${node} forgets the tombstone of ${key} while ${other.node} has what it supersedes`);
  }
}

function checkTrim(scene: Scene, { node, directory }: Step, key: Key, stored: VersionedRecord): void {
  const bytes = directory.records.get(key);
  // Others may have dropped, right before, what they handed over.
  if (!bytes || directory.quarantined.has(key) || !scene.primaries(key).includes(node)) return;
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

/** Whether part of the other record would go if they met. What was written to the key since the question would not. */
function supersedes(dropped: VersionedRecord, theirs: VersionedRecord): boolean {
  if (sameRecord(theirs, dropped)) return false;
  return theirs.siblings.some(({ dot }) => {
    return covers(dropped.clock, dot) && !dropped.siblings.some((own) => compareDots(own.dot, dot) === 0);
  });
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
