import { Command, Option } from 'commander';
import { describeStartOptions, faultLines, type GivenFlags, readStartConfig } from '../node/config.js';
import { SupervisorError } from '../node/localCluster.js';
import { startSupervisor, type Supervisor, type SupervisorEvent } from '../node/supervisor.js';
import { EXIT, type ExitCode } from './failure.js';
import type { CommandMaker, Host } from './host.js';

const DESCRIPTION =
  'Run a cluster on this machine: several node processes, restarted when they die, stopped in order by Ctrl-C.';

/** `rondo start`. */
export function startCommand(maker: CommandMaker): Command {
  const command = new Command('start').description(DESCRIPTION);
  for (const { flag, value, help } of describeStartOptions()) {
    command.addOption(new Option(value === undefined ? flag : `${flag} <${value}>`, help));
  }
  command.option('--no-restart', 'leave a node that died alone');
  return command.action(async function (this: Command) {
    maker.outcome.exit = await run(maker.host, this.optsWithGlobals<GivenFlags>());
  });
}

async function run(host: Host, { restart, json, ...flags }: GivenFlags): Promise<ExitCode> {
  const { terminal } = host;
  const read = readStartConfig(flags, host.environment);
  if (!read.ok) {
    terminal.writeErr(faultLines(read.faults));
    return EXIT.usage;
  }
  const write = (event: SupervisorEvent): void => {
    terminal.writeOut(json === true ? `${JSON.stringify(withoutPlan(event))}\n` : describe(event));
  };
  try {
    const { config } = read;
    const supervisor = await startSupervisor({
      config,
      restart: restart !== false,
      nodeEntry: host.nodeEntry,
      report: write,
    });
    const stopped = stopOnSignal(supervisor);
    await Promise.race([supervisor.ready, stopped]);
    await stopped;
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof SupervisorError)) throw error;
    terminal.writeErr(`error: ${error.message}\n`);
    return EXIT.unavailable;
  }
}

function stopOnSignal(supervisor: Supervisor): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      supervisor.stop().then(resolve, reject);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    supervisor.ready.catch(reject);
  });
}

function withoutPlan(event: SupervisorEvent): object {
  if (event.event !== 'ready') return event;
  const { seconds, data } = event;
  return { event: 'ready', seconds, data };
}

function describe(event: SupervisorEvent): string {
  switch (event.event) {
    case 'warning':
      return `warning: ${event.message}\n`;
    case 'node':
      return `  ${event.node.padEnd(8)} ${event.url}  pid ${String(event.pid)}\n`;
    case 'ready':
      return describeReady(event);
    case 'exited':
      return `  ${event.node} ended (${event.how})${restartNotice(event.restartInMs)}\n`;
    case 'stopping':
      return 'stopping\n';
  }
}

function restartNotice(restartInMs: number | undefined): string {
  return restartInMs === undefined ? '' : `; starting it again in ${String(restartInMs)} ms`;
}

function describeReady({
  seconds,
  data,
  urls,
  cluster,
  wantsToken,
}: Extract<SupervisorEvent, { event: 'ready' }>): string {
  const { nodes, partitions } = cluster;
  const replicas = Math.min(cluster.replicas, nodes.length);
  const [first = '', last = ''] = [urls[0], urls.at(-1)];
  const header = wantsToken ? ' -H "Authorization: Bearer $RONDO_TOKEN"' : '';
  return [
    `ready in ${seconds.toFixed(1)} s: ${String(nodes.length)} nodes, ${String(replicas)} copies of each key, ${String(partitions)} partitions`,
    `data and logs lie in ${data}`,
    wantsToken
      ? 'clients must show a token, which the lines below take from RONDO_TOKEN'
      : 'no client tokens: listening on loopback only (--api-token-file)',
    '',
    'Try (keys and values are base64):',
    `  curl${header} -X PUT ${first}/storage/aGVsbG8= -d '{"value":"d29ybGQ="}'`,
    `  curl${header} ${last}/storage/aGVsbG8=`,
    'or, in another terminal:',
    `  npx rondo --url ${first} status`,
    '',
    'Ctrl-C stops all nodes; started again, everything is still there.',
    '',
  ].join('\n');
}
