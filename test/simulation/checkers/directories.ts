import type { Effect } from '../../../services/node/core/protocol/events.js';
import type { Key, VersionedRecord } from '../../../services/node/core/types.js';
import type { Directory } from '../directory.js';
import type { Machine } from '../machine.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

/**
 * Judges what nodes make of their directories: each batch has the highest counter (R2); one that was put back to an old
 * copy is noticed before it does harm, and no other is given up (R12, I4).
 */
export interface DirectoryChecker {
  stepped(step: Step): void;
  durable(directory: Directory, key: Key, record: VersionedRecord): void;
  /** All is well, and was for long enough. */
  atRest(machine: Machine): void;
}

export function createDirectoryChecker(scene: Scene): DirectoryChecker {
  /** Lives that have renounced their directory. */
  const renounced = new Set<string>();
  /** Reads that came to a directory which is an old copy, by receiver, sender and number: strict or not. */
  const asked = new Map<string, boolean>();
  return {
    stepped: (step) => {
      const { event, effects, directory, node } = step;
      for (const effect of effects) {
        if (effect.type !== 'renounce') continue;
        renounced.add(lifeOf(step));
        if (!directory.oldCopyOf)
          scene.report('R12', `${node} gave up a directory that was what it had been`);
      }
      if (!directory.oldCopyOf || !directory.complete || renounced.has(lifeOf(step))) return;
      if (event.type === 'message' && event.message.type === 'read') {
        asked.set(`${node} ${event.from} ${String(event.message.request)}`, event.message.strict);
      }
      for (const effect of effects) checkOldCopy(scene, asked, step, effect);
    },
    durable: ({ node, actor, counter }, key, { clock }) => {
      const own = clock.find((entry) => entry.actor === actor);
      if (!own || own.counter <= counter) return;
      scene.report('R2', `${node} has a dot of its own in ${key} above the counter that it keeps`);
    },
    atRest: ({ id, life, directory }) => {
      if (!life || !directory.oldCopyOf || !directory.complete) return;
      scene.report('R12', `${id} never noticed that its directory is an old copy`);
    },
  };
}

function lifeOf({ node, directory }: Step): string {
  return `${node} ${String(directory.incarnation)}`;
}

/** Of a directory that is an old copy and was not given up yet. */
function checkOldCopy(
  scene: Scene,
  asked: ReadonlyMap<string, boolean>,
  { node, directory }: Step,
  effect: Effect,
): void {
  if (effect.type === 'store' && effect.counter > (directory.oldCopyOf?.counter ?? 0)) {
    scene.report('R12', `${node} minted under the actor of a directory that is an old copy`);
  }
  if (effect.type !== 'send' || effect.message.type !== 'readReply') return;
  const { request, answer } = effect.message;
  const counts = answer.status === 'found' || answer.status === 'missing';
  if (counts && asked.get(`${node} ${effect.to} ${String(request)}`) === true) {
    scene.report('R12', `${node} answered a strict read from a directory that is an old copy`);
  }
}
