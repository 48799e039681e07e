import { afterAll, beforeAll } from '@jest/globals';
import { openConsulRegistry } from '../../services/node/adapters/consul-membership.js';
import { describeWithServices } from '../integration/support/required.js';
import { describeRegistry } from './registry.js';
import { IMPATIENT } from './support/consulNodes.js';
import { startTestConsul, type TestConsul } from './support/consulServer.js';
import { eventually } from './support/mailbox.js';
import { silentTelemetry } from './support/telemetry.js';

describeWithServices('the registry of a real Consul', ['consul'], () => {
  let consul: TestConsul;
  let clusters = 0;

  beforeAll(async () => {
    consul = await startTestConsul();
  }, 60_000);

  afterAll(() => consul.dispose());

  describeRegistry('consul', async () => {
    const name = `rondo-${String(++clusters)}`;
    return {
      open: (self, handlers) =>
        openConsulRegistry(
          {
            ...{ self, name, url: consul.server.url, tokenFile: '', caFile: '' },
            ...{ tuning: IMPATIENT, ...silentTelemetry() },
          },
          handlers,
        ),
      httpAddress: consul.httpAddress,
      hang: () => consul.server.kill('SIGSTOP'),
      resume: () => consul.server.kill('SIGCONT'),
      wipe: () => consul.wipe(),
      eventually,
      settled: (promise) => promise,
      dispose: async () => {},
    };
  });
});
