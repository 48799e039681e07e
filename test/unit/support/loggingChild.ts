import { createLog } from '../../../services/node/adapters/winston-log.js';

/** Child process of the log's test: writes so many lines, lets an error of stdout arrive, and exits at once with 7. */

const [lines = '0'] = process.argv.slice(2);
const log = createLog({ level: 'info', nodeId: 'child' });
for (let i = 0; i < Number(lines) - 1; i++) log.log('info', `line ${i}`);
setTimeout(() => {
  log.log('info', 'last');
  process.exit(7);
}, 50);
