#!/usr/bin/env node
import { resolve } from 'node:path';
import { Argument, Command } from 'commander';
import { mayInstall } from './environment.js';
import { parsePort } from './flags.js';
import { installServices } from './install.js';
import { missingPrograms, SERVICE_NAMES, type ServiceName } from './inventory.js';
import {
  DEFAULT_ENDPOINT,
  DEFAULT_FIRST_PORT,
  DEFAULT_FOLDER,
  PLACE_PORTS,
  reloadServices,
  startServices,
  statusOf,
  stopServices,
  type Place,
} from './local.js';

interface Flags {
  readonly folder: string;
  readonly ports: number;
  readonly endpoint: number;
}

const DESCRIPTION =
  'The real services on this machine: RabbitMQ, Consul and HAProxy, on ports and in a folder of their own. They run on until `stop`.';

const program = new Command('services')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .description(DESCRIPTION)
  .option('--folder <dir>', 'data, logs, and what is known of running services', DEFAULT_FOLDER)
  .option(
    '--ports <first>',
    `the first of ${String(PLACE_PORTS)} neighbouring ports`,
    parsePort,
    DEFAULT_FIRST_PORT,
  )
  .option('--endpoint <port>', 'where HAProxy takes clients', parsePort, DEFAULT_ENDPOINT)
  .addHelpText('after', '\nExit code: 0 as wanted (`status`: all run), 1 not so, 2 wrong usage.');

command(
  'install',
  'get what is missing: packages of the system (as root), Consul into .services/',
  (_, names) => installServices(names, say),
);
command(
  'start',
  'start what does not run; RONDO_INSTALL_SERVICES=1 installs what is missing',
  async (place, names) => {
    if (mayInstall() && missingPrograms(names).length > 0) await installServices(names, say);
    await startServices(place, names);
  },
);
command('stop', 'end what runs', stopServices);
command('reload', 'have HAProxy read its settings anew, without losing a request', reloadServices);
command('status', 'what runs, and where', async ({ folder }) => {
  const all = await statusOf(folder);
  for (const { name, state, pid, urls } of all) {
    const where = pid === undefined ? '' : `pid ${String(pid).padEnd(8)} ${urls.join('  ')}`;
    say(`${name.padEnd(9)} ${state.padEnd(14)} ${where}`.trimEnd());
  }
  if (all.some(({ state }) => state !== 'running')) process.exitCode = 1;
});

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`services: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

function command(
  name: string,
  description: string,
  run: (place: Place, names: readonly ServiceName[]) => Promise<void>,
): void {
  const services = new Argument('[services...]', 'only these; all where none is named').choices(
    SERVICE_NAMES,
  );
  const added = program.command(name).description(description);
  if (name !== 'status' && name !== 'reload') added.addArgument(services);
  added.action(async () => {
    const { folder, ports, endpoint } = program.opts<Flags>();
    const place = { folder: resolve(folder), firstPort: ports, endpoint, say };
    await run(place, added.args.length > 0 ? (added.args as ServiceName[]) : SERVICE_NAMES);
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
