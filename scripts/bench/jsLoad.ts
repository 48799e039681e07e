import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtProgram } from '../support/nodes.js';
import type { LoadGenerator } from './load.js';

/** The generator of this project: needs nothing, and takes more of the machine than wrk. */
export function jsGenerator(): LoadGenerator {
  return {
    name: 'js',
    version: process.version,
    command: (order, file) => {
      writeFileSync(file, JSON.stringify(order));
      return [process.execPath, join(builtProgram(), 'scripts/bench/loadChild.js'), file];
    },
  };
}
