import { readFileSync } from 'node:fs';
import { type LoadOrder, RESULT_MARK } from './load.js';
import { runRawLoad } from './rawLoad.js';

/** One load process of the generator in JavaScript: carries out the order in the file that it is given, and ends. */
const order = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as LoadOrder;
const result = await runRawLoad(order);
process.stdout.write(`${RESULT_MARK}${JSON.stringify(result)}\n`);
