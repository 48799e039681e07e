import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { badInputCases, runBadInputCase } from './support/badInput.js';
import type { BadInputTarget } from './support/badInput.js';
import { startHarness } from './support/harness.js';
import type { Harness } from './support/harness.js';

const target: BadInputTarget = {
  valueBytesMax: 64 * 1024,
  headersMs: 300,
  requestMs: 600,
  checkMs: 50,
  minNumTooLarge: 4,
};

describe('bad input: the documented status and code, and the next request is served', () => {
  let harness: Harness;
  beforeAll(async () => {
    const { valueBytesMax, headersMs, requestMs, checkMs } = target;
    harness = await startHarness({ valueBytesMax, limits: { headersMs, requestMs, checkMs, lingerMs: 200 } });
  });
  afterAll(() => harness.server.close());

  it.each(badInputCases(target).map((badInput) => [badInput.name, badInput] as const))(
    '%s',
    async (_name, badInput) => {
      const { faults } = await runBadInputCase(harness.url, badInput);
      expect(faults).toEqual([]);
    },
  );

  it('nothing of all that was taken for a bug', () => {
    expect(harness.logged).toEqual([]);
  });

  it('no bad request reached the node', () => {
    const refusedByNode = new Set(['AAAA']);
    const keys = [...harness.stub.puts, ...harness.stub.gets].map(({ key }) => key);
    const strays = harness.stub.puts.filter(
      ({ key, fromVersion, minWrites }) =>
        key === 'bad input' && !refusedByNode.has(fromVersion) && (minWrites === undefined || minWrites <= 3),
    );
    expect(keys.length).toBeGreaterThan(0);
    expect(strays).toEqual([]);
  });
});
