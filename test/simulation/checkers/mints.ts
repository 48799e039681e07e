import type { Clock, Dot, Key, Sibling, VersionedRecord } from '../../../services/node/core/types.js';
import { compareClocks } from '../../../services/node/core/versioning/clock.js';
import { decodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import type { WriteIntent } from '../requests.js';
import { decodeValue } from '../values.js';
import { actorsOf, type Directory } from '../directory.js';
import { type DotLedger, nameOf } from './dots.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

/**
 * A node never accepts a write that it can see to be stale (I5): judged by what is durable on the coordinator when it
 * mints. Looks at each new dot once, before anybody else has seen it.
 */
export function createMintChecker(
  scene: Scene,
  dots: DotLedger,
  intents: ReadonlyMap<string, WriteIntent>,
): { stepped(step: Step): void } {
  const judged = new Set<string>();
  const isNew = ({ directory }: Step, dot: Dot): boolean => {
    // A dot that was minted and lost before it was durable is minted again in the next life.
    const name = `${String(directory.incarnation)} ${nameOf(dot)}`;
    if (!actorsOf(directory).includes(dot.actor) || dots.isKnown(dot) || judged.has(name)) return false;
    judged.add(name);
    return true;
  };
  return {
    stepped: (step) => {
      for (const effect of step.effects) {
        if (effect.type !== 'store') continue;
        const { key, record } = effect;
        const durable = durableClock(step.directory, key);
        const minted = record.siblings.filter(({ dot }) => isNew(step, dot));
        for (const sibling of durable ? minted : []) {
          const intent = intents.get(nameOfWrite(sibling, record));
          const context =
            intent?.onConflict === 'refuse' ? scene.clockOf(key, intent.fromVersion) : undefined;
          if (!intent || !context || !durable || isOverTombstone(context, record)) continue;
          if (compareClocks(context, withoutTrimmed(durable, record)) !== 'older') continue;
          scene.report('I5', `${step.node} accepted the stale write ${intent.value} of ${key}`);
        }
      }
    },
  };
}

/** A tombstone that was reaped is known no more, and nothing is stale against it. */
function durableClock({ records }: Directory, key: Key): Clock | undefined {
  const bytes = records.get(key);
  return bytes && decodeRecord(bytes).clock;
}

/** What was trimmed is not known any more, whether that is durable yet or not; the judge of trimming has seen it. */
function withoutTrimmed(durable: Clock, { clock }: VersionedRecord): Clock {
  return durable.filter((entry) => clock.some(({ actor }) => actor === entry.actor));
}

/** Writes are known by their value, deletes by their requestId. */
function nameOfWrite({ dot, value }: Sibling, { marks }: VersionedRecord): string {
  if (value.length > 0) return decodeValue(value);
  const mark = marks.find((other) => other.dot.actor === dot.actor && other.dot.counter === dot.counter);
  return mark?.requestId ?? '';
}

/** Knowing nothing is enough over a tombstone, which need not be durable yet; nothing then stays beside the write. */
function isOverTombstone(context: Clock, minted: VersionedRecord): boolean {
  return context.length === 0 && minted.siblings.length === 1;
}
