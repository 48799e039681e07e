import { expect, it } from '@jest/globals';
import type { ServiceFaultName } from '../../scripts/chaos/services/faults.js';
import { runServices } from '../../scripts/chaos/services/run.js';
import { renderVerdict } from '../../scripts/workload/report.js';
import { useStage } from '../e2e/support/stage.js';
import { describeWithServices } from './support/required.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;

/** Small enough for every run of the tests; `npm run chaos -- services` is the same at full size. */
const SIZE = { clients: 110, keys: 100, acknowledged: 600, inFlight: 100, timeoutMs: 100_000 };

const FAULTS: readonly (readonly [fault: ServiceFaultName, faultMs: number, what: string])[] = [
  ['memory-alarm', 2000, 'the broker takes nothing more for a while'],
  ['consul-wipe', 4000, 'Consul comes back without anything that it knew'],
];

describeWithServices(
  'three nodes on the real services, of which one fails under load, N=3 R=W=2',
  ['rabbitmq', 'consul', 'haproxy'],
  () => {
    it.each(FAULTS)(
      '%s: %s ms, nothing acknowledged is lost, and nobody has to help',
      async (fault, faultMs) => {
        const { folder, ports, cleanup } = stage;
        const { verdict, broken } = await runServices({
          ...{ fault, faultMs, warmUpWrites: 200, size: SIZE, folder, ports, cleanup },
          say: () => undefined,
        });
        // The text shows the findings, should there be any.
        expect(renderVerdict(verdict)).toContain('verdict: all promises held');
        expect(broken).toEqual([]);
      },
      TIMEOUT_MS,
    );
  },
);
