#!/usr/bin/env node
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { describeStartOptions } from '../../services/node/config.js';
import { mayInstall } from '../services/environment.js';
import { parsePort } from '../services/flags.js';
import { installServices } from '../services/install.js';
import { missingPrograms, SERVICE_NAMES } from '../services/inventory.js';
import {
  DEFAULT_ENDPOINT,
  DEFAULT_FIRST_PORT,
  DEFAULT_FOLDER,
  startServices,
  statusOf,
  stopServices,
  urlsOf,
  type Place,
} from '../services/local.js';
import { checkBelonging } from './belonging.js';
import { startNodes, type NodesGroup } from './nodes.js';

interface Flags {
  readonly servicesFolder: string;
  readonly servicesPorts: number;
  readonly endpoint: number;
  readonly json?: boolean;
  readonly restart: boolean;
  /** Of `rondo start`. */
  readonly data?: string;
}

/** Not that of `npm start`, whose cluster document is not the one that lies in Consul. */
const DEFAULT_DATA = 'data/cluster';

const DESCRIPTION =
  'As `npm start`, on the real services: RabbitMQ between the nodes, Consul to find them, HAProxy before them. Services that do not run are started, and stopped again at the end.';

let nodes: NodesGroup | undefined;
let isEnding = false;

const program = new Command('cluster')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .description(DESCRIPTION)
  .option('--services-folder <dir>', 'as --folder of `npm run services`', DEFAULT_FOLDER)
  .option('--services-ports <first>', 'as --ports of `npm run services`', parsePort, DEFAULT_FIRST_PORT)
  .option('--endpoint <port>', 'where HAProxy takes clients', parsePort, DEFAULT_ENDPOINT)
  .option('--json', 'print for programs, as `rondo start --json`')
  .option('--no-restart', 'leave a node that died alone');
const shared = describeStartOptions();
for (const { flag, value, help } of shared) {
  program.addOption(new Option(value === undefined ? flag : `${flag} <${value}>`, help));
}
program.action(async () => {
  process.exitCode = await run(program.opts<Flags>());
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isEnding = true;
    nodes?.stop();
  });
}

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`cluster: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

/** Services that ran before run afterwards too; the others are stopped, whatever happens. */
async function run(flags: Flags): Promise<number> {
  // What programs read goes to stdout, and nothing else.
  const out = flags.json === true ? process.stderr : process.stdout;
  const place: Place = {
    folder: resolve(flags.servicesFolder),
    firstPort: flags.servicesPorts,
    endpoint: flags.endpoint,
    say: (line) => out.write(`${line}\n`),
  };
  if (mayInstall() && missingPrograms(SERVICE_NAMES).length > 0) {
    await installServices(SERVICE_NAMES, place.say);
  }
  const before = (await statusOf(place.folder)).filter(({ state }) => state !== 'down');
  try {
    await startServices(place, SERVICE_NAMES);
    if (isEnding) return 0;
    const [consulUrl = ''] = urlsOf(place.folder, 'consul');
    await checkBelonging(consulUrl, flags.data ?? DEFAULT_DATA);
    nodes = startNodes(place, startArguments(flags));
    return await nodes.ended;
  } finally {
    const ran = before.map(({ name }) => name);
    const ours = SERVICE_NAMES.filter((name) => !ran.includes(name));
    await stopServices(place, ours);
  }
}

/** What is handed on to `rondo start`. */
function startArguments(flags: Flags): readonly string[] {
  const given: Readonly<Record<string, unknown>> = { data: DEFAULT_DATA, ...flags };
  return [
    ...shared
      .filter(({ name }) => given[name] !== undefined)
      .map(({ name, flag, value }) => (value === undefined ? flag : `${flag}=${String(given[name])}`)),
    ...(flags.json === true ? ['--json'] : []),
    ...(flags.restart ? [] : ['--no-restart']),
  ];
}
