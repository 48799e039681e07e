import type { Effect } from '../../../services/node/core/protocol/events.js';
import type { Clock, Key, NodeId } from '../../../services/node/core/types.js';
import { descends, EMPTY_CLOCK, mergeClocks } from '../../../services/node/core/versioning/clock.js';
import { recordBytes } from '../../../services/node/core/versioning/record.js';
import { decodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import { type Directory, type DurableChange, hintName } from '../directory.js';
import type { Machine } from '../machine.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

/**
 * Judges those that stand in for others (R4): a fallback says "stored" only when record and hint are durable, a hint goes
 * only when its target has what it is for, and in the end neither hints nor what was kept for them are left.
 */
export interface HintChecker {
  stepped(step: Step): void;
  changed(directory: Directory, change: DurableChange): void;
  refused(directory: Directory, change: DurableChange): void;
  ended(directory: Directory): void;
  /** All is well, and was for long enough. */
  atRest(machine: Machine): void;
}

/** What is known of one directory beside what lies in it. */
interface Notes {
  /** By hint: what its target has to have before it may go. */
  readonly owed: Map<string, Clock>;
  /** By hint that was not durable yet when it was made. */
  readonly coming: Map<string, Clock>;
  /** Hints that the node has forgotten, and the disk has not. */
  readonly left: Set<string>;
  /** Keys whose record may stay: a crash or a failed batch fell between it and its hint. */
  readonly strays: Set<Key>;
}

interface State {
  readonly scene: Scene;
  readonly cellBytesMax: number;
  readonly notes: WeakMap<Directory, Notes>;
  /** Writes that nodes were sent, by receiver, sender and number. */
  readonly asked: Map<string, { readonly key: Key; readonly clock: Clock; readonly hintFor?: NodeId }>;
}

export function createHintChecker(scene: Scene, cellBytesMax: number): HintChecker {
  const state: State = { scene, cellBytesMax, notes: new WeakMap(), asked: new Map() };
  return {
    stepped: (step) => {
      noteWrite(state, step);
      for (const effect of step.effects) {
        if (effect.type === 'keepHint') {
          const { hint } = effect;
          notesOf(state, step.directory).coming.set(hintName(hint), heldBy(step.directory, hint.key));
        }
        // Should it be refused on its way to the disk, it was still over before its hint came there late.
        if (effect.type === 'forgetHint') notesOf(state, step.directory).coming.delete(hintName(effect));
        if (effect.type === 'send') checkStored(state, step, effect);
      }
    },
    changed: (directory, change) => {
      if (change.type === 'keepHint') kept(state, directory, change.hint);
      if (change.type === 'forgetHint') forgotten(state, directory, change);
      if (change.type === 'drop') notesOf(state, directory).strays.delete(change.key);
    },
    refused: (directory, change) => {
      if (change.type === 'forgetHint') notesOf(state, directory).left.add(hintName(change));
      // What failed may reach the disk after all, and what was to be dropped stays.
      if (change.type === 'record' || change.type === 'drop')
        notesOf(state, directory).strays.add(change.key);
      noteStrays(state, directory);
    },
    ended: (directory) => {
      noteStrays(state, directory);
    },
    atRest: (machine) => {
      checkRest(state, machine);
    },
  };
}

/** An old copy that was put back may have strays from its beginning. */
function notesOf(state: State, directory: Directory): Notes {
  const { notes } = state;
  const known = notes.get(directory);
  if (known) return known;
  const strays = new Set(directory.oldCopyOf ? strayKeys(state, directory) : []);
  const made: Notes = { owed: new Map(), coming: new Map(), left: new Set(), strays };
  for (const [name, { key }] of directory.hints) made.owed.set(name, heldBy(directory, key));
  notes.set(directory, made);
  return made;
}

/** What the record that lies in the directory covers. */
function heldBy({ records }: Directory, key: Key): Clock {
  const bytes = records.get(key);
  return bytes ? decodeRecord(bytes).clock : EMPTY_CLOCK;
}

function noteWrite({ asked }: State, { node, event }: Step): void {
  if (event.type !== 'message' || event.message.type !== 'write') return;
  const { request, key, record, hintFor } = event.message;
  const write = { key, clock: record.clock, ...(hintFor !== undefined && { hintFor }) };
  asked.set(`${node} ${event.from} ${String(request)}`, write);
}

function checkStored(
  state: State,
  { node, directory }: Step,
  { to, message }: Extract<Effect, { type: 'send' }>,
): void {
  if (message.type !== 'writeReply' || message.answer !== 'stored') return;
  const { scene } = state;
  const write = state.asked.get(`${node} ${to} ${String(message.request)}`);
  if (!write) return;
  const { key, clock, hintFor } = write;
  if (!descends(directory.witnessed.get(key) ?? EMPTY_CLOCK, clock)) {
    scene.report('I1', `${node} answered "stored" for a write of ${key} that is not durable there`);
  }
  if (!directory.complete) {
    scene.report('R3', `${node} answered "stored" for a write of ${key} although it is not complete`);
  }
  if (hintFor === undefined || hintFor === node) return;
  const name = hintName({ target: hintFor, key });
  if (!directory.hints.has(name)) {
    scene.report(
      'R4',
      `${node} answered "stored" for ${key} in the place of ${hintFor} without a durable hint`,
    );
  }
  const { owed } = notesOf(state, directory);
  owed.set(name, mergeClocks(owed.get(name) ?? EMPTY_CLOCK, clock));
}

function kept(
  state: State,
  directory: Directory,
  hint: { readonly target: NodeId; readonly key: Key },
): void {
  const { owed, coming, left, strays } = notesOf(state, directory);
  const name = hintName(hint);
  directory.hinted.add(hint.key);
  owed.set(name, mergeClocks(owed.get(name) ?? EMPTY_CLOCK, coming.get(name) ?? EMPTY_CLOCK));
  if (coming.delete(name)) left.delete(name);
  strays.delete(hint.key);
}

function forgotten(
  state: State,
  directory: Directory,
  { target, key }: { readonly target: NodeId; readonly key: Key },
): void {
  const { owed, left } = notesOf(state, directory);
  const name = hintName({ target, key });
  const clock = owed.get(name);
  owed.delete(name);
  left.delete(name);
  // Of a damaged record only what was stored since can be given.
  if (!clock || directory.damagedAtMs.has(key)) return;
  const { scene } = state;
  // A copy that its target has for nothing is kept: anti-entropy will hand it over.
  const current = scene.directoriesOf(target).at(-1);
  if (!current?.complete || current.quarantined.has(key)) notesOf(state, directory).strays.add(key);
  const has = scene.directoriesOf(target).some(({ witnessed }) => {
    return descends(witnessed.get(key) ?? EMPTY_CLOCK, clock);
  });
  if (!has) {
    scene.report('R4', `${directory.node} forgot its hint for ${target}, which does not have ${key}`);
  }
}

/** Records here that nobody is owed, as of a crash or a failed batch. */
function noteStrays(state: State, directory: Directory): void {
  for (const key of strayKeys(state, directory)) notesOf(state, directory).strays.add(key);
}

function strayKeys({ scene }: State, { node, records, hints }: Directory): Key[] {
  const hinted = new Set([...hints.values()].map(({ key }) => key));
  return [...records.keys()].filter((key) => !hinted.has(key) && !scene.primaries(key).includes(node));
}

function checkRest(state: State, { id, life, directory }: Machine): void {
  if (!life) return;
  const { scene } = state;
  const { left, strays } = notesOf(state, directory);
  const hints = [...directory.hints.values()];
  // One that is not complete, or whose record is damaged, and cannot be otherwise, takes nothing that would count.
  const counts = (target: NodeId, key: Key): boolean => {
    const current = scene.directoriesOf(target).at(-1);
    return current?.complete === true && !current.quarantined.has(key);
  };
  const stuck = hints.filter(({ key, target }) => {
    return !counts(target, key) || cannotBeDelivered(state, directory, key);
  });
  const inMemory = life.node.sizes().hints;
  if (inMemory > stuck.length) {
    scene.report('R4', `${id} still keeps ${String(inMemory - stuck.length)} hints when all nodes are well`);
  }
  const onDisk = hints.filter((hint) => !stuck.includes(hint) && !left.has(hintName(hint)));
  if (onDisk.length > inMemory) {
    const names = onDisk.map(({ target, key }) => `${key} for ${target}`).join(', ');
    scene.report('R4', `${id} has lost sight of hints on its disk: ${names}`);
  }
  for (const key of strayKeys(state, directory)) {
    if (strays.has(key) || directory.quarantined.has(key)) continue;
    scene.report('R4', `${id} still has the record of ${key}, which it neither holds nor owes to anybody`);
  }
}

/** Its record is damaged, or larger than any node takes. */
function cannotBeDelivered({ cellBytesMax }: State, { records, quarantined }: Directory, key: Key): boolean {
  const bytes = records.get(key);
  if (bytes === undefined) return quarantined.has(key);
  return recordBytes(decodeRecord(bytes)) > cellBytesMax;
}
