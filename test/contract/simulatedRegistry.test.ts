import { createGate } from '../simulation/gate.js';
import { createSimulatedRegistry } from '../simulation/registry.js';
import { createSchedule } from '../simulation/schedule.js';
import { describeRegistry } from './registry.js';

const STEP_MS = 50;
const STEPS_MAX = 2400;

describeRegistry('simulated', async () => {
  const schedule = createSchedule();
  const service = createSimulatedRegistry({ seed: '0123456789abcdef', schedule });
  let heal = (): void => undefined;

  async function eventually(description: string, condition: () => boolean): Promise<void> {
    for (let steps = 0; !condition(); steps++) {
      if (steps > STEPS_MAX) throw new Error(`did not happen: ${description}`);
      await schedule.run(schedule.nowMs + STEP_MS);
    }
  }

  return {
    open: async (self, handlers) => service.open(self, createGate(), handlers),
    httpAddress: '127.0.0.1:8000',
    hang: () => (heal = service.cut()),
    resume: () => heal(),
    wipe: async () => service.wipe(),
    eventually,
    settled: async (promise) => {
      let isSettled = false;
      void promise.finally(() => (isSettled = true));
      await eventually('it settles', () => isSettled);
      return promise;
    },
    dispose: async () => {},
  };
});
