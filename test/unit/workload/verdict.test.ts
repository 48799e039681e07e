import { describe, expect, it } from '@jest/globals';
import { judge, type Verdict } from '../../../scripts/workload/verdict.js';
import { logBuilder, type LogBuilder } from './logBuilder.js';

const ANY_SIZE = { acknowledgedMin: 0, inFlightAtFaultMin: 0 };

function verdictOf(build: (log: LogBuilder) => void): Verdict {
  const log = logBuilder();
  build(log);
  return judge(log.lines, ANY_SIZE);
}

const values = (findings: Verdict['lost']): string[] => findings.map((finding) => finding.value);

describe('acknowledged and lost', () => {
  it('a value that is shown at the end is not lost', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.finals(['a']);
    });
    expect(verdict).toMatchObject({ ok: true, attempted: 1, acknowledged: 1, lost: [] });
  });

  it('a value that is gone is lost', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.finals([]);
    });
    expect(verdict.ok).toBe(false);
    expect(values(verdict.lost)).toEqual(['a']);
  });

  it('a value that only one of the nodes shows is lost', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.finals(['a'], []);
    });
    expect(values(verdict.lost)).toEqual(['a']);
  });

  it('a value replaced by a write that never knew of it is lost', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.write('b');
      log.finals(['b']);
    });
    expect(values(verdict.lost)).toEqual(['a']);
  });

  it('superseding is followed over reads, own answers and unknown writes', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      log.write('b', { from: a, outcome: 'unknown' });
      const read = log.read(['b']);
      const c = log.write('c', { from: read });
      log.write('d', { from: c });
      log.finals(['d']);
    });
    expect(verdict).toMatchObject({ ok: true, acknowledged: 3, unknown: 1 });
  });

  it('a read whose version was used covers all siblings that it showed', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.write('b');
      const read = log.read(['a', 'b']);
      log.write('c', { from: read });
      log.finals(['c']);
    });
    expect(verdict.ok).toBe(true);
  });

  it('an unknown or refused write may be gone', () => {
    const verdict = verdictOf((log) => {
      log.write('a', { outcome: 'unknown' });
      log.write('b', { outcome: 'none' });
      log.finals([]);
    });
    expect(verdict).toMatchObject({ ok: true, unknown: 1, refused: 1 });
  });

  it('a write that was unknown first and acknowledged when repeated counts as acknowledged', () => {
    const verdict = verdictOf((log) => {
      log.write('a', { outcome: 'unknown' });
      log.write('a');
      log.finals([]);
    });
    expect(verdict).toMatchObject({ attempted: 1, acknowledged: 1, repeated: 1 });
    expect(values(verdict.lost)).toEqual(['a']);
  });

  it('an acknowledged write to a key that nobody read back is lost', () => {
    const verdict = verdictOf((log) => {
      log.write('a', { key: 'other' });
      log.write('b');
      log.finals(['b']);
    });
    expect(values(verdict.lost)).toEqual(['a']);
  });

  it('a key that cannot be read is reported as unreadable', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.unreadable();
    });
    expect(verdict).toMatchObject({ ok: false, lost: [], unreadable: [{ key: 'k' }] });
  });

  it('only the newest final reads count', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.finals([]);
      log.lines.push({ t: 'finals' });
      log.finals(['a']);
    });
    expect(verdict.ok).toBe(true);
  });
});

describe('deletes', () => {
  it('an acknowledged delete accounts for what it read being gone', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      log.remove('x', { from: a });
      log.finals([]);
    });
    expect(verdict).toMatchObject({ ok: true, acknowledged: 2 });
  });

  it('it does not account for a value that it never knew of', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      log.write('b');
      log.remove('x', { from: a });
      log.finals([]);
    });
    expect(values(verdict.lost)).toEqual(['b']);
  });

  it('what an acknowledged delete removed must not be seen again', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      log.remove('x', { from: a });
      log.finals(['a']);
    });
    expect(verdict.ok).toBe(false);
    expect(values(verdict.resurrected)).toEqual(['a']);
  });

  it('an unknown delete may have happened or not', () => {
    const build = (final: string[]) => (log: LogBuilder) => {
      const a = log.write('a');
      log.remove('x', { from: a, outcome: 'unknown' });
      log.finals(final);
    };
    expect(verdictOf(build([])).ok).toBe(true);
    expect(verdictOf(build(['a'])).ok).toBe(true);
  });

  it('an unknown delete cannot have removed only one of the siblings that it knew', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.write('b');
      const read = log.read(['a', 'b']);
      log.remove('x', { from: read, outcome: 'unknown' });
      log.finals(['a']);
    });
    expect(values(verdict.lost)).toEqual(['b']);
  });

  it('a refused delete accounts for nothing', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      log.remove('x', { from: a, outcome: 'none' });
      log.finals([]);
    });
    expect(values(verdict.lost)).toEqual(['a']);
  });

  it('a value written after a delete stands beside nothing', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      log.remove('x', { from: a });
      const absent = log.read([]);
      log.write('b', { from: absent });
      log.finals(['b']);
    });
    expect(verdict.ok).toBe(true);
  });
});

describe('phantoms and resurrection', () => {
  it.each<[string, (log: LogBuilder) => unknown[]]>([
    ['never sent', (log) => [log.finals(['ghost'])]],
    ['certainly refused', (log) => [log.write('ghost', { outcome: 'none' }), log.finals(['ghost'])]],
    [
      'seen in a read before it was sent',
      (log) => [log.read(['ghost']), log.write('ghost'), log.finals(['ghost'])],
    ],
    [
      'sent to another key',
      (log) => [
        log.write('ghost', { key: 'l' }),
        log.finals(['ghost']),
        log.finals(['ghost'], ['ghost'], 'l'),
      ],
    ],
    ['the name of a delete', (log) => [log.remove('ghost'), log.finals(['ghost'])]],
  ])('a value that was %s is a phantom', (_case, build) => {
    const verdict = verdictOf((log) => void build(log));
    expect(verdict.ok).toBe(false);
    expect(new Set(values(verdict.phantoms))).toEqual(new Set(['ghost']));
  });

  it('a value whose write was unknown may be seen', () => {
    const verdict = verdictOf((log) => {
      log.write('a', { outcome: 'unknown' });
      log.finals(['a']);
    });
    expect(verdict.ok).toBe(true);
  });

  it('a value refused on the repeat may stem from the first attempt, whose outcome was unknown', () => {
    const verdict = verdictOf((log) => {
      log.write('a', { outcome: 'unknown' });
      log.write('a', { outcome: 'none' });
      log.finals(['a']);
    });
    expect(verdict).toMatchObject({ ok: true, unknown: 1, repeated: 0 });
  });

  it('a superseded value beside its successor is resurrected', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      const b = log.write('b', { from: a });
      log.write('c', { from: b });
      log.finals(['a', 'c']);
    });
    expect(values(verdict.resurrected)).toEqual(['a']);
  });

  it('a value superseded only by an unknown write may still be there', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      log.write('b', { from: a, outcome: 'unknown' });
      log.finals(['a']);
    });
    expect(verdict.ok).toBe(true);
  });

  it('a write that may have been stored twice may be seen after one of the two was superseded', () => {
    const verdict = verdictOf((log) => {
      log.write('a', { outcome: 'unknown' });
      const seen = log.read(['a']);
      log.write('a');
      log.write('b', { from: seen });
      log.finals(['a', 'b']);
    });
    expect(verdict).toMatchObject({ ok: true, repeated: 1 });
  });
});

describe('reads during the run', () => {
  it('a strict read that misses a write acknowledged before it was sent is stale', () => {
    const verdict = verdictOf((log) => {
      log.write('a');
      log.read([]);
      log.finals(['a']);
    });
    expect(verdict.ok).toBe(false);
    expect(values(verdict.staleReads)).toEqual(['a']);
  });

  it('a strict read that still shows what was superseded before it was sent is stale', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      log.write('b', { from: a });
      log.read(['a', 'b']);
      log.finals(['b']);
    });
    expect(values(verdict.staleReads)).toEqual(['a']);
  });

  it('a read that overlaps the write may show it or not', () => {
    const verdict = verdictOf((log) => {
      const read = log.sendRead();
      const write = log.sendWrite('a');
      log.answer(write, 'ok');
      log.answer(read, 'ok', []);
      log.finals(['a']);
    });
    expect(verdict.ok).toBe(true);
  });

  it('a delete in flight accounts for what a read does not show', () => {
    const verdict = verdictOf((log) => {
      const a = log.write('a');
      const removal = log.sendWrite('x', { from: a, deletes: true });
      log.read([]);
      log.answer(removal, 'ok');
      log.finals([]);
    });
    expect(verdict.ok).toBe(true);
  });

  it('reads are not judged where they are not strict', () => {
    const log = logBuilder({ readsAreStrict: false });
    log.write('a');
    log.read([]);
    log.finals(['a']);
    expect(judge(log.lines, ANY_SIZE)).toMatchObject({ ok: true, staleReads: [] });
  });

  it('one version with two sets of values is ambiguous, also between a PUT and a GET', () => {
    const verdict = verdictOf((log) => {
      log.write('a', { version: 'v1' });
      log.write('b', { version: 'v2' });
      log.read(['a', 'b'], 'v2');
      log.finals(['a', 'b']);
    });
    expect(verdict.ok).toBe(false);
    expect(verdict.ambiguousVersions).toHaveLength(1);
  });
});

describe('size and measures', () => {
  it('says when a run is too small to mean anything, and fails it', () => {
    const log = logBuilder();
    log.write('a');
    log.fault(99);
    log.finals(['a']);
    const verdict = judge(log.lines);
    expect(verdict.ok).toBe(false);
    expect(verdict.tooSmall).toEqual([
      '1 acknowledged writes, 10000 wanted',
      '99 requests in flight at the fault, 100 wanted',
    ]);
  });

  it('a run without final reads proves nothing', () => {
    expect(verdictOf((log) => void log.read([])).tooSmall).toEqual(['no final reads']);
  });

  it('counts errors by code and measures from a mark to the first success of a later request', () => {
    const verdict = verdictOf((log) => {
      const before = log.sendWrite('a');
      log.fault(1);
      log.answer(before, 'ok');
      log.write('b', { outcome: 'unknown' });
      log.read(['a']);
      log.finals(['a']);
    });
    expect(verdict.measures.errors).toEqual({ error_unknown: 1 });
    expect(verdict.measures.marks).toEqual([{ name: 'fault', atMs: 1, inFlight: 1, firstSuccessMs: 5 }]);
    expect(verdict.measures.latency.get).toMatchObject({ count: 1, maxMs: 1 });
    expect(verdict.measures.inFlightMax).toBe(1);
  });

  it('an answer to a request that was never sent is no log of ours', () => {
    expect(() => verdictOf((log) => log.answer(7, 'ok'))).toThrow('was answered but not sent');
  });
});
