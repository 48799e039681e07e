import { describe, it } from '@jest/globals';
import { wantsEveryService } from '../../../scripts/services/environment.js';
import { missingPrograms, type ServiceName } from '../../../scripts/services/inventory.js';

/**
 * A suite that needs real services. Where one of them is not installed, its tests are left out, which stderr says, and a
 * test stands in their place; that one fails where RONDO_REQUIRE_SERVICES=1 says that nothing may be left out.
 */
export function describeWithServices(
  name: string,
  services: readonly ServiceName[],
  tests: () => void,
): void {
  const missing = missingPrograms(services);
  if (missing.length === 0) {
    describe(name, tests);
    return;
  }
  const why = `not installed: ${missing.join(', ')}; \`npm run services -- install\` gets them`;
  describe(name, () => {
    it(`is left out (${missing.join(', ')})`, () => {
      if (wantsEveryService()) throw new Error(why);
      process.stderr.write(`LEFT OUT: ${name}: ${why}\n`);
    });
  });
}
