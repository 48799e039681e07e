import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineAptSource } from './aptSource.js';
import { missingPrograms, type ServiceName } from './inventory.js';
import { findProgram, programsFolder, ServiceError } from './programs.js';
import { runCommand, type Say } from './progress.js';

/**
 * Gets the real services: RabbitMQ and HAProxy as packages of the system, Consul, which Debian 12 does not have, from
 * Debian 11 into the project's own folder. Everything comes from where the machine's own apt gets its packages, and apt
 * checks every signature. No service is started.
 */
export async function installServices(names: readonly ServiceName[], say: Say): Promise<void> {
  const missing = names.filter((name) => missingPrograms([name]).length > 0);
  for (const name of names.filter((name) => !missing.includes(name))) say(`${name}: is here already`);
  const packages = missing.flatMap((name) => packageOf(name));
  if (packages.length > 0) await installPackages(packages, say);
  if (missing.includes('consul')) await unpackConsul(say);
  const still = missingPrograms(names);
  if (still.length > 0) throw new ServiceError(`still not here after installing: ${still.join(', ')}`);
}

function packageOf(name: ServiceName): readonly string[] {
  switch (name) {
    case 'rabbitmq':
      return ['rabbitmq-server'];
    case 'haproxy':
      return ['haproxy'];
    case 'consul':
      return [];
  }
}

async function installPackages(packages: readonly string[], say: Say): Promise<void> {
  const list = packages.join(' ');
  if (findProgram('apt-get') === undefined) {
    throw new ServiceError(
      `there is no apt-get here: install ${list} as this system does it, so that PATH finds it`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new ServiceError(`installing ${list} needs root: run \`sudo apt-get install ${list}\``);
  }
  const quietly = ['-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];
  await withoutStarting(async () => {
    await runCommand('reading the lists of packages', 'apt-get', ['update', '-q'], say);
    await runCommand(`installing ${list}`, 'apt-get', ['install', ...quietly, ...packages], say, {
      DEBIAN_FRONTEND: 'noninteractive',
    });
  });
}

/** What Debian's packages ask before they start what they bring; 101 is no. */
const POLICY = '/usr/sbin/policy-rc.d';

async function withoutStarting(install: () => Promise<void>): Promise<void> {
  const isOurs = !existsSync(POLICY);
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    if (isOurs) rmSync(POLICY, { force: true });
  }
}

const CONSUL_SUITE = 'bullseye';

/** Needs no root: a list of packages of our own, a download, and an unpacking. */
async function unpackConsul(say: Say): Promise<void> {
  const source = machineAptSource();
  if (source === undefined || findProgram('dpkg') === undefined) {
    throw new ServiceError(
      'Consul is got from Debian here; elsewhere install it yourself, so that PATH finds it',
    );
  }
  const folder = join(programsFolder(), '..', 'apt');
  rmSync(folder, { recursive: true, force: true });
  for (const part of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, part), { recursive: true });
  const list = join(folder, 'sources.list');
  writeFileSync(list, `deb [signed-by=${source.signedBy}] ${source.uri} ${CONSUL_SUITE} main\n`);
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    // The download lands in a folder that only we may write to.
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((option) => ['-o', option]);
  await runCommand(
    'reading the list of packages that Consul is in',
    'apt-get',
    [...options, '-q', 'update'],
    say,
  );
  const wanted = `consul/${CONSUL_SUITE}`;
  await runCommand('downloading Consul', 'apt-get', [...options, '-q', 'download', wanted], say, {}, folder);
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new ServiceError('apt-get downloaded nothing');
  mkdirSync(programsFolder(), { recursive: true });
  await runCommand('unpacking Consul', 'dpkg', ['-x', join(folder, archive), programsFolder()], say);
  rmSync(folder, { recursive: true, force: true });
}
