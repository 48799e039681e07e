/** What takes long begins first, so that no worker is left with it at the end. */
const FIRST = [/\/simulation\/planted\./];
/** They mostly wait, for time or for processes of their own: beside what computes they cost little. */
const WAITING = [/\/integration\//, /\/e2e\//, /\/contract\/(amqp|consul|tcp)/];
const COMPUTING = [/\/simulation\//, /\/regressions\//];

/** A sequencer of jest for two workers: while one computes, the other waits, and rarely do two clusters run at once. */
export default class Order {
  sort(tests) {
    const ranked = [...tests].map((test) => ({ test, rank: rankOf(test.path) }));
    ranked.sort((a, b) => a.rank - b.rank || (a.test.path < b.test.path ? -1 : 1));
    return ranked.map(({ test }) => test);
  }

  shard(tests) {
    return tests;
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {
    // Nothing is remembered: a clean checkout has no earlier run.
  }
}

function rankOf(path) {
  const ranks = [FIRST, WAITING, COMPUTING];
  const rank = ranks.findIndex((patterns) => patterns.some((pattern) => pattern.test(path)));
  return rank < 0 ? ranks.length : rank;
}
