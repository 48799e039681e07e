import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { handedOn, type StartConfig } from './config.js';
import type { NodeId } from './core/types.js';
import { NODE_FLAGS } from './heap.js';
import {
  addressOf,
  checkPorts,
  keepCluster,
  type LocalCluster,
  type LocalNode,
  prepareData,
  SupervisorError,
} from './localCluster.js';

/**
 * Runs several nodes on this machine, each a process of its own: starts them as one another's seeds, on the first start to
 * found a cluster, restarts one that dies with growing pauses, and stops all in order. A node notices when its supervisor is gone
 * and stops too.
 */

/** What happens, for whoever shows it; in the order in which it happens. */
export type SupervisorEvent =
  | { readonly event: 'warning'; readonly message: string }
  | {
      readonly event: 'node';
      readonly node: NodeId;
      readonly url: string;
      readonly pid: number;
      readonly dataDir: string;
    }
  | {
      readonly event: 'ready';
      readonly seconds: number;
      readonly data: string;
      readonly urls: readonly string[];
      readonly cluster: LocalCluster;
      /** Whether clients must show a token. */
      readonly wantsToken: boolean;
    }
  | {
      readonly event: 'exited';
      readonly node: NodeId;
      readonly how: string;
      readonly restartInMs: number | undefined;
    }
  | { readonly event: 'stopping' };

export interface SupervisorOptions {
  readonly config: StartConfig;
  readonly restart: boolean;
  /** The script of a single node. */
  readonly nodeEntry: string;
  readonly report: (event: SupervisorEvent) => void;
}

export interface Supervisor {
  /** Resolves when all nodes take traffic; rejects with a {@link SupervisorError}, and all are stopped again. */
  readonly ready: Promise<void>;
  /** SIGTERM to all, SIGKILL to those still there after {@link STOP_TIMEOUT_MS}. Idempotent. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const BACKOFF_MS = { first: 250, last: 10_000 };
const HEALTHY_AFTER_MS = 30_000;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

interface Member {
  readonly node: LocalNode;
  readonly dataDir: string;
  child: ChildProcess | undefined;
  backoffMs: number;
  restartTimer: NodeJS.Timeout | undefined;
}

/** Checks folder and ports, then starts the nodes. Rejects with a {@link SupervisorError} before anything is started. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { config, report } = options;
  const warn = (message: string): void => {
    report({ event: 'warning', message });
  };
  const { cluster, path } = await prepareData(config, warn);
  await checkPorts(config);
  if (cluster.replicas > config.nodes) {
    const copies = String(config.nodes);
    warn(
      `${String(cluster.replicas)} replicas need as many nodes; with ${copies} there are ${copies} copies`,
    );
  }
  return new NodeGroup(options, cluster, path).start();
}

class NodeGroup implements Supervisor {
  readonly ready: Promise<void>;
  readonly #options: SupervisorOptions;
  readonly #path: string;
  readonly #members: readonly Member[];
  #cluster: LocalCluster;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: Error) => void = () => undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions, cluster: LocalCluster, path: string) {
    this.#options = options;
    this.#cluster = cluster;
    this.#path = path;
    this.#members = cluster.nodes.map((node) => ({
      node,
      dataDir: join(options.config.data, node.id),
      child: undefined,
      backoffMs: BACKOFF_MS.first,
      restartTimer: undefined,
    }));
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
  }

  start(): this {
    void this.#bringUp();
    return this;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #bringUp(): Promise<void> {
    const startedAt = performance.now();
    try {
      await Promise.all(this.#members.map((member) => this.#launch(member)));
      if (!this.#cluster.founded) {
        this.#cluster = { ...this.#cluster, founded: true };
        await keepCluster(this.#path, this.#cluster);
      }
      const seconds = (performance.now() - startedAt) / 1000;
      const { data, apiTokenFile } = this.#options.config;
      const wantsToken = apiTokenFile !== '';
      const urls = this.#cluster.nodes.map((node) => this.#urlOf(node));
      this.#options.report({ event: 'ready', seconds, data, urls, cluster: this.#cluster, wantsToken });
      this.#resolveReady();
    } catch (error) {
      await this.stop();
      this.#rejectReady(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Resolves when the node is ready; rejects when it ends, or stays silent, before that. */
  async #launch(member: Member): Promise<void> {
    const child = this.#spawn(member);
    await outcomeOf(child, member.node.id);
    const readyAt = performance.now();
    const { node, dataDir } = member;
    this.#options.report({
      event: 'node',
      node: node.id,
      url: this.#urlOf(node),
      pid: child.pid ?? 0,
      dataDir,
    });
    child.once('exit', (code, signal) => {
      if (performance.now() - readyAt > HEALTHY_AFTER_MS) member.backoffMs = BACKOFF_MS.first;
      this.#onExit(member, signal ?? `code ${String(code)}`);
    });
  }

  #spawn(member: Member): ChildProcess {
    const { config, nodeEntry } = this.#options;
    const { node, dataDir } = member;
    const { nodes, partitions, replicas, founded } = this.#cluster;
    mkdirSync(dataDir, { recursive: true });
    const handed = handedOn(config);
    const args = [
      `--node-id=${node.id}`,
      `--data-dir=${dataDir}`,
      `--seeds=${nodes.map((each) => seedOf(config, each)).join(',')}`,
      `--http-port=${String(node.httpPort)}`,
      `--http-advertise=${addressOf(config.httpHost, node.httpPort)}`,
      ...busArguments(config, node),
      `--partitions=${String(partitions)}`,
      `--replicas=${String(replicas)}`,
      // Nodes that have lost their data later, all of them even, must not found another cluster in its place (R8).
      `--expect-nodes=${founded ? '0' : String(nodes.length)}`,
      ...handed.args,
    ];
    const stdio = ['ignore', openLogFile(join(dataDir, 'node.log')), 'inherit', 'ipc'] as const;
    member.child = fork(nodeEntry, args, {
      stdio: [...stdio],
      env: handed.env,
      execArgv: [...NODE_FLAGS],
    });
    return member.child;
  }

  #onExit(member: Member, how: string): void {
    member.child = undefined;
    const { restart, report } = this.#options;
    if (this.#stopped) return;
    const restartInMs = restart ? member.backoffMs : undefined;
    report({ event: 'exited', node: member.node.id, how, restartInMs });
    if (restartInMs === undefined) return;
    member.backoffMs = Math.min(member.backoffMs * 2, BACKOFF_MS.last);
    member.restartTimer = setTimeout(() => {
      this.#launch(member).catch((error: unknown) => {
        this.#onExit(member, error instanceof Error ? error.message : String(error));
      });
    }, restartInMs);
  }

  #urlOf({ httpPort }: LocalNode): string {
    return `http://${addressOf(this.#options.config.httpHost, httpPort)}`;
  }

  async #stopAll(): Promise<void> {
    this.#options.report({ event: 'stopping' });
    for (const member of this.#members) clearTimeout(member.restartTimer);
    await Promise.all(this.#members.map((member) => endChild(member.child)));
  }
}

/** With a broker the others are found by their names. */
function seedOf({ bus, busHost }: StartConfig, { id, busPort }: LocalNode): string {
  return bus === 'amqp' ? id : `${id}@${addressOf(busHost, busPort)}`;
}

function busArguments({ bus, busHost }: StartConfig, { busPort }: LocalNode): readonly string[] {
  if (bus === 'amqp') return [];
  return [`--bus-port=${String(busPort)}`, `--bus-advertise=${addressOf(busHost, busPort)}`];
}

async function endChild(child: ChildProcess | undefined): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
}

function outcomeOf(child: ChildProcess, id: NodeId): Promise<void> {
  return new Promise((resolve, reject) => {
    let reason: string | undefined;
    let waitsFor = '';
    const timer = setTimeout(() => {
      reason = `not ready within ${String(READY_TIMEOUT_MS / 1000)} s${waitsFor}`;
      child.kill('SIGKILL');
    }, READY_TIMEOUT_MS);
    const onExit = (code: number | null, signal: string | null): void => {
      clearTimeout(timer);
      reject(
        new SupervisorError(
          `${id}: ${reason ?? `ended while starting (${signal ?? `code ${String(code)}`})`}`,
        ),
      );
    };
    child.once('exit', onExit);
    child.on('message', (message: { readonly type: string; readonly message?: string }) => {
      if (message.type === 'failed') reason = message.message;
      if (message.type === 'waiting') waitsFor = `: ${message.message ?? ''}`;
      if (message.type !== 'ready') return;
      clearTimeout(timer);
      child.off('exit', onExit);
      resolve();
    });
  });
}

/** Appends; what is older than one file of {@link LOG_BYTES_MAX} is dropped at a start. */
function openLogFile(path: string): number {
  if (existsSync(path) && statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  return openSync(path, 'a');
}
