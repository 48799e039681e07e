import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtProgram, busPort, httpPort, nodeIds, urlOf, waitForReady } from './nodes.js';
import type { PortBlock } from './ports.js';
import {
  commandOf,
  startProcess,
  stopProcess,
  tailOf,
  waitUntil,
  type Exit,
  type Started,
} from './processes.js';

/** A cluster as a person starts it: `rondo start`, one supervisor with its nodes. */
export interface SupervisedCluster {
  readonly supervisor: Started;
  readonly urls: readonly string[];
  readonly dataDir: string;
  /** Everything that the supervisor and the nodes wrote to stderr. */
  readonly outputFile: string;
  /** Resolves when the supervisor says that all nodes are ready; rejects when it ends before that. */
  readonly ready: Promise<void>;
  /** The events that the supervisor printed, oldest first. */
  events(): readonly SupervisorLine[];
  /** The process of a node as last told; undefined while it is down. */
  pidOf(node: string): number | undefined;
  /** Signals the node's process; throws where there is none. */
  kill(node: string, signal: NodeJS.Signals): void;
  waitReady(timeoutMs?: number): Promise<void>;
  /** SIGTERM to the supervisor, SIGKILL if it stays. */
  stop(): Promise<Exit>;
  /** SIGKILL to the supervisor and all nodes at once, as when the machine dies. */
  killAll(): Promise<void>;
}

export interface SupervisorLine {
  readonly event: string;
  readonly node?: string;
  readonly pid?: number;
  readonly message?: string;
}

export interface SupervisedOptions {
  /** Gets `data` and `output.log`; a folder with data of earlier starts is taken up. */
  readonly folder: string;
  readonly ports: PortBlock;
  readonly nodes?: number;
  readonly flags?: readonly string[];
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

/** Starts the supervisor and returns at once; see {@link SupervisedCluster.ready}. */
export function startSupervised(options: SupervisedOptions): SupervisedCluster {
  const { folder, ports, nodes = 3 } = options;
  mkdirSync(folder, { recursive: true });
  const outputFile = join(folder, 'output.log');
  const events: SupervisorLine[] = [];
  const pids = new Map<string, number>();
  const supervisor = startProcess({
    args: commandLine(options),
    outputFile,
    onLine: (line) => {
      const event = JSON.parse(line) as SupervisorLine;
      events.push(event);
      if (event.event === 'node' && event.node && event.pid) pids.set(event.node, event.pid);
      if (event.event === 'exited' && event.node) pids.delete(event.node);
    },
  });
  const urls = nodeIds(nodes).map((_, index) => urlOf(ports, index));
  const kill = (node: string, signal: NodeJS.Signals): void => {
    const pid = pids.get(node);
    if (pid === undefined) throw new Error(`${node} is not running`);
    process.kill(pid, signal);
  };
  return {
    supervisor,
    urls,
    dataDir: join(folder, 'data'),
    outputFile,
    ready: untilReady(supervisor, events, outputFile),
    events: () => events,
    pidOf: (node) => pids.get(node),
    kill,
    waitReady: (timeoutMs) => waitForReady(urls, outputFile, timeoutMs),
    stop: () => stopProcess(supervisor, STOP_TIMEOUT_MS),
    killAll: async () => {
      supervisor.kill('SIGKILL');
      for (const pid of pids.values()) killOwn(pid, folder);
      await supervisor.exited;
    },
  };
}

/** The number may belong to somebody else by now: only a process that was started on `folder` is ended. */
function killOwn(pid: number, folder: string): void {
  if (commandOf(pid).includes(folder)) process.kill(pid, 'SIGKILL');
}

function commandLine({ folder, ports, nodes = 3, flags = [] }: SupervisedOptions): string[] {
  return [
    join(builtProgram(), 'services/cli/main.js'),
    'start',
    '--json',
    ...['--nodes', String(nodes)],
    ...['--port', String(httpPort(ports, 0))],
    ...['--bus-port', String(busPort(ports, 0))],
    ...['--data', join(folder, 'data')],
    ...flags,
  ];
}

async function untilReady(
  supervisor: Started,
  events: readonly SupervisorLine[],
  outputFile: string,
): Promise<void> {
  const isReady = (): boolean => events.some((event) => event.event === 'ready');
  const isOver = (): boolean => isReady() || !supervisor.isRunning();
  await waitUntil('the supervisor is ready', isOver, START_TIMEOUT_MS);
  if (!isReady()) throw new Error(`the supervisor ended before it was ready:\n${tailOf(outputFile)}`);
}
