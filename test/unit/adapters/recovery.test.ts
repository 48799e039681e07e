import { describe, expect, it } from '@jest/globals';
import { createRecovery } from '../../../services/node/adapters/level-storage/recovery.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A recovery of attempts that the test lets end. */
function held() {
  const outcomes: string[] = [];
  const attempts: { succeed(): void; fail(): void }[] = [];
  const recovery = createRecovery({
    intervalMs: 1,
    attempt: () =>
      new Promise((resolve, reject) => {
        attempts.push({ succeed: resolve, fail: () => reject(new Error('still full')) });
      }),
    onSuccess: () => outcomes.push('success'),
    onFailure: (error) => outcomes.push((error as Error).message),
  });
  const begun = async (count: number): Promise<void> => {
    while (attempts.length < count) await pause(1);
  };
  return { recovery, attempts, outcomes, begun };
}

describe('recovery', () => {
  it('tries until it succeeds, one attempt at a time, and can begin again', async () => {
    const { recovery, attempts, outcomes, begun } = held();
    recovery.start();
    recovery.start();
    await begun(1);
    recovery.start();
    await pause(10);
    expect(attempts).toHaveLength(1);
    attempts[0]!.fail();
    await begun(2);
    attempts[1]!.succeed();
    await pause(10);
    expect(outcomes).toEqual(['still full', 'success']);
    recovery.start();
    await begun(3);
    attempts[2]!.succeed();
    await recovery.stop();
  });

  it('stops only when a running attempt has ended, and begins no other', async () => {
    const { recovery, attempts, begun } = held();
    recovery.start();
    await begun(1);
    let stopped = false;
    const stopping = recovery.stop().then(() => (stopped = true));
    await pause(5);
    expect(stopped).toBe(false);
    attempts[0]!.fail();
    await stopping;
    recovery.start();
    await pause(10);
    expect(attempts).toHaveLength(1);
  });
});
