import { environment } from '../../services/node/config.js';

/** The two variables that say how scripts and tests go about the real services. */

/** RONDO_INSTALL_SERVICES=1: what is missing may be installed without being asked for each time. */
export function mayInstall(): boolean {
  return environment()['RONDO_INSTALL_SERVICES'] === '1';
}

/** RONDO_REQUIRE_SERVICES=1: tests that cannot run for want of a service fail. */
export function wantsEveryService(): boolean {
  return environment()['RONDO_REQUIRE_SERVICES'] === '1';
}
