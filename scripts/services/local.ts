import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { CONSUL_PORTS, consulPorts, startConsul } from './consul.js';
import { reloadHaproxy, startHaproxy, variablesOf, type HaproxyPorts } from './haproxy.js';
import { SERVICE_NAMES, type ServiceName } from './inventory.js';
import { ServiceError } from './programs.js';
import { withProgress, type Say } from './progress.js';
import { RABBITMQ_PORTS, rabbitmqPorts, startRabbitmq } from './rabbitmq.js';
import { isListening, type NamedProcess } from './service.js';
import {
  endRecorded,
  forgetService,
  isThere,
  readState,
  recordProcess,
  recordService,
  type RecordedService,
} from './state.js';

/** The services of one folder: one broker, one Consul server, one HAProxy, which run on until they are stopped. */
export interface Place {
  readonly folder: string;
  /** The first of {@link PLACE_PORTS} neighbours. */
  readonly firstPort: number;
  /** Where HAProxy takes clients. */
  readonly endpoint: number;
  readonly say: Say;
}

export interface ServiceStatus {
  readonly name: ServiceName;
  readonly state: 'running' | 'not answering' | 'down';
  readonly pid: number | undefined;
  readonly urls: readonly string[];
}

export const PLACE_PORTS = RABBITMQ_PORTS + CONSUL_PORTS + 1;
export const DEFAULT_FOLDER = '.services/run';
export const DEFAULT_FIRST_PORT = 15_700;
export const DEFAULT_ENDPOINT = 8080;

const END_TIMEOUT_MS = 20_000;

/** Starts what does not run, and gives the names of what was started; what runs already is left as it is. */
export async function startServices(
  place: Place,
  names: readonly ServiceName[],
): Promise<readonly ServiceName[]> {
  const begun: ServiceName[] = [];
  for (const name of SERVICE_NAMES.filter((each) => names.includes(each))) {
    const known = readState(place.folder).find((service) => service.name === name);
    if (known && known.urls.length > 0 && known.processes.every(isThere)) {
      place.say(`${name}: already running, ${known.urls[0] ?? ''}`);
      continue;
    }
    // Whatever is left of one that died, or whose start was broken off.
    if (known) await end(known);
    await withProgress(`starting ${name}`, place.say, () => start(place, name));
    begun.push(name);
    place.say(`${name}: running, ${urlsOf(place.folder, name)[0] ?? ''}`);
  }
  return begun;
}

/** Ends what runs, in the reverse order. */
export async function stopServices({ folder, say }: Place, names: readonly ServiceName[]): Promise<void> {
  for (const name of SERVICE_NAMES.filter((each) => names.includes(each)).toReversed()) {
    const known = readState(folder).find((service) => service.name === name);
    if (!known?.processes.some(isThere)) say(`${name}: does not run`);
    else {
      await withProgress(`stopping ${name}`, say, () => end(known));
      say(`${name}: stopped`);
    }
    if (known) forgetService(folder, name);
  }
}

export async function statusOf(folder: string): Promise<readonly ServiceStatus[]> {
  const known = readState(folder);
  return Promise.all(
    SERVICE_NAMES.map(async (name) => {
      const service = known.find((each) => each.name === name);
      if (!service?.processes.every(isThere))
        return { name, state: 'down', pid: undefined, urls: [] } as const;
      const state = (await isListening(service.port)) ? 'running' : 'not answering';
      return { name, state, pid: service.processes[0]?.pid, urls: service.urls } as const;
    }),
  );
}

/** HAProxy reads infra/haproxy anew, and loses no request. */
export async function reloadServices(place: Place): Promise<void> {
  const known = readState(place.folder).find(({ name }) => name === 'haproxy');
  const [master] = known?.processes ?? [];
  if (!known || !master || !isThere(master)) {
    throw new ServiceError('HAProxy does not run: `npm run services -- start` starts it.');
  }
  const folder = resolve(place.folder, 'haproxy');
  const variables = variablesOf({ folder, ...haproxyPlace({ ...place, endpoint: known.port }) });
  await withProgress('reloading haproxy', place.say, () => reloadHaproxy(folder, master.pid, variables));
  place.say('haproxy: reloaded');
}

/** Where a service of the folder is reached; empty while it does not run. */
export function urlsOf(folder: string, name: ServiceName): readonly string[] {
  return readState(folder).find((service) => service.name === name)?.urls ?? [];
}

async function end({ processes }: RecordedService): Promise<void> {
  for (const recorded of processes) await endRecorded(recorded, END_TIMEOUT_MS);
}

async function start(place: Place, name: ServiceName): Promise<void> {
  const folder = resolve(place.folder, name);
  mkdirSync(folder, { recursive: true });
  const { urls, port } = await startOne(place, name, {
    folder,
    stays: true,
    onLaunched: (processes) => keep(place, { name, urls: [], port: 0 }, processes),
  });
  const { processes } = readState(place.folder).find((service) => service.name === name) ?? { processes: [] };
  recordService(place.folder, { name, processes, urls, port });
}

function keep(
  { folder }: Place,
  service: Omit<RecordedService, 'processes'>,
  processes: readonly NamedProcess[],
): void {
  const recorded = processes.map(({ name, started }) => recordProcess(name, started.pid));
  recordService(folder, { ...service, processes: recorded });
}

interface Launch {
  readonly folder: string;
  readonly stays: true;
  readonly onLaunched: (processes: readonly NamedProcess[]) => void;
}

async function startOne(
  place: Place,
  name: ServiceName,
  launch: Launch,
): Promise<Pick<RecordedService, 'urls' | 'port'>> {
  switch (name) {
    case 'rabbitmq': {
      const ports = rabbitmqPorts(place.firstPort);
      const { url, managementUrl, metricsUrl } = await startRabbitmq({ ...launch, ports });
      return { urls: [url, managementUrl, metricsUrl], port: ports.amqp };
    }
    case 'consul': {
      const ports = consulPorts(place.firstPort + RABBITMQ_PORTS);
      const { url } = await startConsul({ ...launch, ports });
      return { urls: [url, `${url}/ui/`], port: ports.http };
    }
    case 'haproxy': {
      const { url, statsUrl } = await startHaproxy({ ...launch, ...haproxyPlace(place) });
      return { urls: [url, statsUrl], port: place.endpoint };
    }
  }
}

function haproxyPlace({ firstPort, endpoint }: Pick<Place, 'firstPort' | 'endpoint'>): {
  readonly ports: HaproxyPorts;
  readonly consulDnsPort: number;
} {
  const stats = firstPort + RABBITMQ_PORTS + CONSUL_PORTS;
  return { ports: { clients: endpoint, stats }, consulDnsPort: consulPorts(firstPort + RABBITMQ_PORTS).dns };
}
