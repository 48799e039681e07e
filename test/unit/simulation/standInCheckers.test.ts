import { describe, expect, it } from '@jest/globals';
import type { Effect, NodeEvent } from '../../../services/node/core/protocol/events.js';
import type { Message, Quorum, ReadAnswer } from '../../../services/node/core/protocol/messages.js';
import type { Actor, NodeId } from '../../../services/node/core/types.js';
import { encodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import { checkDurability } from '../../simulation/checkers/answers.js';
import { createDirectoryChecker } from '../../simulation/checkers/directories.js';
import { createHintChecker } from '../../simulation/checkers/hints.js';
import { createReadChecker } from '../../simulation/checkers/reads.js';
import { applyChange, type Directory, type DurableChange, hintName } from '../../simulation/directory.js';
import type { Machine } from '../../simulation/machine.js';
import { clock, handMadeScene, intent, KEY, NODES, record } from './support/scene.js';

const [N1, N2, N3] = NODES as [NodeId, NodeId, NodeId];
const TICK: NodeEvent = { type: 'tick', sequence: 1 };

const message = (from: NodeId, sent: Message): NodeEvent => {
  return { type: 'message', from, message: sent, remainingMs: 100 };
};
const send = (to: NodeId, sent: Message): Effect => {
  return { type: 'send', to, message: sent, remainingMs: 100, bulk: false };
};

/** A scene in which n1 and n2 hold the key and n3 is a fallback. */
function sceneWithFallback() {
  const made = handMadeScene();
  const scene = { ...made.scene, primaries: () => [N1, N2] };
  const directoryOf = (node: NodeId) => made.directories.get(node)![0]!;
  return { ...made, scene, directoryOf };
}

describe('the judge of reads', () => {
  function read(quorum: Quorum, minReads: number) {
    const { scene, broken, directoryOf } = sceneWithFallback();
    const checker = createReadChecker(scene);
    const step = (event: NodeEvent, effects: readonly Effect[] = []) => {
      checker.stepped({ node: N1, directory: directoryOf(N1), event, effects });
    };
    step({ type: 'get', ticket: 1, request: { key: KEY, quorum, minReads } }, [
      send(N2, { type: 'read', request: 7, key: KEY, since: 1, strict: quorum === 'strict' }),
    ]);
    const told = (from: NodeId, answer: ReadAnswer, effects: readonly Effect[] = []) => {
      step(message(from, { type: 'readReply', request: 7, answer }), effects);
      return broken();
    };
    return { told };
  }
  const replied: Effect = {
    type: 'reply',
    ticket: 1,
    reply: { to: 'get', outcome: { ok: true, version: '', values: [] } },
  };
  const found: ReadAnswer = { status: 'found', record: record({ a1: 'w1' }) };

  it("counts a primary's miss, and of a fallback only a record (R3)", () => {
    const empty = read('sloppy', 2);
    empty.told(N2, { status: 'missing' });
    expect(empty.told(N3, { status: 'missing' }, [replied])).toEqual(['R3']);
    const holding = read('sloppy', 2);
    holding.told(N2, { status: 'missing' });
    expect(holding.told(N3, found, [replied])).toEqual([]);
  });

  it('counts no fallback in a strict read, no node twice, and nobody who is not complete (R3)', () => {
    const strict = read('strict', 2);
    strict.told(N2, found);
    expect(strict.told(N3, found, [replied])).toEqual(['R3']);
    const twice = read('sloppy', 2);
    twice.told(N2, found);
    expect(twice.told(N2, found, [replied])).toEqual(['R3']);
    expect(read('sloppy', 1).told(N2, { status: 'incomplete' }, [replied])).toEqual(['R3']);
  });

  it('finds a replica that answers although it is not complete (R3)', () => {
    const { scene, broken, directoryOf } = sceneWithFallback();
    const directory = directoryOf(N2);
    const effects = [send(N1, { type: 'readReply', request: 7, answer: { status: 'missing' } })];
    const checker = createReadChecker(scene);
    checker.stepped({ node: N2, directory, event: TICK, effects });
    expect(broken()).toEqual([]);
    directory.complete = false;
    checker.stepped({ node: N2, directory, event: TICK, effects });
    expect(broken()).toEqual(['R3']);
  });
});

describe('the judge of stand-ins', () => {
  const hint = { target: N1, key: KEY, order: 1 };
  const kept = record({ a1: 'w1' });

  function fallback() {
    const { scene, dots, broken, directoryOf, send: asks } = sceneWithFallback();
    const checker = createHintChecker(scene, 1000);
    const directory = directoryOf(N3);
    const step = (event: NodeEvent, effects: readonly Effect[]) => {
      checker.stepped({ node: N3, directory, event, effects });
      return broken();
    };
    const change = (...changes: readonly DurableChange[]) => {
      for (const one of changes) {
        applyChange(directory, one);
        checker.changed(directory, one);
      }
      return broken();
    };
    const store = (of: Directory, stored = kept) => {
      of.records.set(KEY, encodeRecord(stored).slice());
      of.witnessed.set(KEY, stored.clock);
    };
    const keep = () => {
      store(directory);
      step(TICK, [{ type: 'keepHint', hint }]);
      return change({ type: 'keepHint', hint });
    };
    const rest = (hints: number) => {
      const life = { node: { sizes: () => ({ hints }) } };
      checker.atRest({ id: N3, directory, life } as unknown as Machine);
      return broken();
    };
    const asked = message(N2, { type: 'write', request: 9, key: KEY, since: 1, record: kept, hintFor: N1 });
    const stored = send(N2, { type: 'writeReply', request: 9, answer: 'stored' });
    return {
      scene,
      dots,
      asks,
      checker,
      directory,
      directoryOf,
      step,
      change,
      store,
      keep,
      rest,
      asked,
      stored,
    };
  }

  it('finds a "stored" before the record is durable (I1), and before its hint is (R4)', () => {
    const early = fallback();
    early.step(early.asked, []);
    expect(early.step(TICK, [early.stored])).toEqual(['I1', 'R4']);
    const unhinted = fallback();
    unhinted.store(unhinted.directory);
    unhinted.step(unhinted.asked, []);
    expect(unhinted.step(TICK, [unhinted.stored])).toEqual(['R4']);
    const sound = fallback();
    sound.keep();
    sound.step(sound.asked, []);
    expect(sound.step(TICK, [sound.stored])).toEqual([]);
  });

  it('finds a hint that is forgotten before its target has the record, all of it (R4)', () => {
    const dropped = fallback();
    dropped.keep();
    expect(dropped.change({ type: 'forgetHint', ...hint })).toEqual(['R4']);
    const older = fallback();
    older.keep();
    older.step(older.asked, [older.stored]);
    older.store(older.directoryOf(N1), record({ b1: 'w0' }));
    expect(older.change({ type: 'forgetHint', ...hint })).toEqual(['R4']);
    const delivered = fallback();
    delivered.keep();
    delivered.store(delivered.directoryOf(N1));
    expect(delivered.change({ type: 'forgetHint', ...hint })).toEqual([]);
  });

  it('finds hints that stay when all is well, in memory or only on the disk (R4)', () => {
    const late = fallback();
    late.keep();
    expect(late.rest(1)).toEqual(['R4']);
    const lost = fallback();
    lost.keep();
    expect(lost.rest(0)).toEqual(['R4']);
    const stuck = fallback();
    stuck.keep();
    stuck.directory.quarantined.add(KEY);
    stuck.directory.records.delete(KEY);
    expect(stuck.rest(1)).toEqual([]);
  });

  it('finds a record that is left when its hint is gone, unless a crash came between (R4)', () => {
    const left = fallback();
    left.store(left.directory);
    expect(left.rest(0)).toEqual(['R4']);
    const crashed = fallback();
    crashed.store(crashed.directory);
    crashed.checker.ended(crashed.directory);
    expect(crashed.rest(0)).toEqual([]);
  });

  it('counts a stand-in for a sloppy write only where it kept a hint, and for a strict one never (I1)', () => {
    const cases = [
      ['sloppy', true, []],
      ['sloppy', false, ['I1']],
      ['strict', true, ['I1']],
    ] as const;
    for (const [quorum, isHinted, promises] of cases) {
      const { scene, dots, asks, directory, directoryOf, store, keep, rest } = fallback();
      store(directoryOf(N2));
      if (isHinted) keep();
      else store(directory);
      const ok = { outcome: 'ok', code: 'ok', version: 'a1' } as const;
      checkDurability(scene, dots, asks({ quorum, write: intent('w1') }), ok);
      directory.hints.delete(hintName(hint));
      directory.records.clear();
      expect(rest(0)).toEqual(promises);
    }
  });
});

describe('the judge of directories', () => {
  const renounce: Effect = { type: 'renounce', actor: 'x' as Actor, counter: 0 };

  function judge(isOld: boolean) {
    const { scene, broken, directories } = handMadeScene();
    const [known] = directories.get(N1)!;
    const oldCopyOf = isOld ? { actor: known!.actor, counter: 5 } : undefined;
    const directory: Directory = { ...known!, counter: 5, oldCopyOf };
    const checker = createDirectoryChecker(scene);
    const step = (event: NodeEvent, ...effects: readonly Effect[]) => {
      checker.stepped({ node: N1, directory, event, effects });
      return broken();
    };
    const rest = () => {
      checker.atRest({ id: N1, directory, life: {} } as unknown as Machine);
      return broken();
    };
    return { checker, directory, broken, step, rest };
  }

  it('finds a sound directory that is given up, and an old copy that never is (R12)', () => {
    expect(judge(false).step(TICK, renounce)).toEqual(['R12']);
    expect(judge(true).step(TICK, renounce)).toEqual([]);
    expect(judge(true).rest()).toEqual(['R12']);
    const known = judge(true);
    known.directory.complete = false;
    expect(known.rest()).toEqual([]);
  });

  it('finds a mint and a strict answer from an old copy, before it is given up (R12)', () => {
    const minted = (counter: number): Effect => {
      return { type: 'store', store: 1, key: KEY, record: record({ a6: 'w1' }), counter };
    };
    const asks = (strict: boolean) => message(N2, { type: 'read', request: 3, key: KEY, since: 1, strict });
    const answer = send(N2, { type: 'readReply', request: 3, answer: { status: 'missing' } });
    expect(judge(true).step(TICK, minted(6))).toEqual(['R12']);
    expect(judge(true).step(TICK, minted(5))).toEqual([]);
    expect(judge(true).step(asks(true), answer)).toEqual(['R12']);
    expect(judge(true).step(asks(false), answer)).toEqual([]);
    const known = judge(true);
    known.step(TICK, renounce);
    expect(known.step(TICK, minted(6), answer)).toEqual([]);
  });

  it('finds a dot of its own above the counter that it keeps (R2)', () => {
    const { checker, directory, broken } = judge(false);
    checker.durable(directory, KEY, { ...record({ a5: 'w1' }), clock: clock('a5 b9') });
    expect(broken()).toEqual([]);
    checker.durable(directory, KEY, record({ a6: 'w1' }));
    expect(broken()).toEqual(['R2']);
  });
});
