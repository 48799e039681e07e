import { createMemoryNetwork } from '../unit/support/memoryBus.js';
import { A, B, C, describeBus } from './bus.js';

describeBus('in memory', async () => {
  const network = createMemoryNetwork([A, B, C]);
  return {
    open: async (id, mailbox) => network.open(id, mailbox),
    addressOf: (id) => `${id}:1`,
    dispose: async () => {},
  };
});
