import { setTimeout as sleep } from 'node:timers/promises';
import { metricOf } from '../../support/nodeViews.js';
import { flapCheck } from './flapping.js';
import type { Stack } from './stack.js';
import type { Struck } from './struck.js';

/** What can happen to the services, or between them and a node. */
export interface ServiceFault {
  readonly description: string;
  /** How long it lasts unless that is said. */
  readonly seconds: number;
  /** Not even one request may fail: the data path has nothing to do with it. */
  readonly isUnnoticed: boolean;
  /** By how much the epoch has to grow. */
  readonly epochs: number;
  /** Strikes, lasts for about `ms`, and is over when this resolves. */
  run(stack: Stack, ms: number): Promise<Struck>;
}

/** What a wiped store is filled with again counts on from there (R8). */
const REFILL_EPOCHS = 1000;
const RELOADS = 5;
/** As infra/rabbitmq has it. */
const WATERMARK = '0.4';

/**
 * Only the data path goes over the broker, and only the registry over Consul. A broker that falls silent is given up by AMQP's
 * heartbeat after 20 s and more; that no peer is heard shows long before.
 */
export const SERVICE_FAULTS = {
  'broker-kill': {
    ...{ description: 'the broker is killed (SIGKILL), and started again later', seconds: 10 },
    ...{ isUnnoticed: false, epochs: 0 },
    run: async (stack, ms) => {
      stack.broker().kill('SIGKILL');
      const broken = await during(stack, ms, whyNot('rondo_broker_connected', 0));
      return { figures: await timed('the broker', () => stack.restartBroker()), broken };
    },
  },
  'broker-freeze': {
    ...{ description: 'the broker stands still (SIGSTOP), and goes on later', seconds: 20 },
    ...{ isUnnoticed: false, epochs: 0 },
    run: async (stack, ms) => {
      stack.broker().kill('SIGSTOP');
      const broken = await during(stack, ms, whyNot('rondo_bus_peers_connected', 0));
      stack.broker().kill('SIGCONT');
      return { figures: [], broken };
    },
  },
  'memory-alarm': {
    ...{
      description: 'the broker takes nothing more for want of memory, until that is cleared',
      seconds: 20,
    },
    ...{ isUnnoticed: false, epochs: 0 },
    run: async (stack, ms) => {
      await stack.broker().ctl(['set_vm_memory_high_watermark', '0']);
      const broken = await during(stack, ms, whyNot('rondo_broker_blocked', 1));
      await stack.broker().ctl(['set_vm_memory_high_watermark', WATERMARK]);
      return { figures: [], broken };
    },
  },
  'consul-kill': {
    ...{ description: 'Consul is killed (SIGKILL), and started again later', seconds: 10 },
    ...{ isUnnoticed: true, epochs: 0 },
    run: async (stack, ms) => {
      stack.consul().kill('SIGKILL');
      const broken = await during(stack, ms, whyNot('rondo_registry_reachable', 0));
      return { figures: await timed('Consul', () => stack.restartConsul({ wiped: false })), broken };
    },
  },
  'consul-wipe': {
    ...{ description: 'Consul is killed, and starts later without anything that it knew', seconds: 10 },
    ...{ isUnnoticed: true, epochs: REFILL_EPOCHS },
    run: async (stack, ms) => {
      stack.consul().kill('SIGKILL');
      const broken = await during(stack, ms, whyNot('rondo_registry_reachable', 0));
      return { figures: await timed('Consul', () => stack.restartConsul({ wiped: true })), broken };
    },
  },
  'consul-cut': {
    ...{ description: 'one node is cut off from Consul alone', seconds: 90 },
    ...{ isUnnoticed: true, epochs: 0 },
    run: async (stack, ms) => {
      stack.toConsul.cut('silent');
      const broken = await during(stack, ms, whyNotVictim('rondo_registry_reachable', 0));
      stack.toConsul.heal();
      return { figures: [], broken };
    },
  },
  'broker-cut': {
    ...{ description: 'one node is cut off from the broker alone', seconds: 30 },
    ...{ isUnnoticed: false, epochs: 0 },
    run: async (stack, ms) => {
      stack.toBroker.cut('silent');
      const broken = await during(stack, ms, whyNotVictim('rondo_bus_peers_connected', 0));
      stack.toBroker.heal();
      return { figures: [], broken };
    },
  },
  flapping: {
    ...{ description: 'a check of one node passes and fails in turn, every second', seconds: 120 },
    ...{ isUnnoticed: true, epochs: 0 },
    run: async (stack, ms) => flapCheck(stack, ms),
  },
  'haproxy-reload': {
    ...{ description: `HAProxy is reloaded, ${String(RELOADS)} times`, seconds: 20 },
    ...{ isUnnoticed: true, epochs: 0 },
    run: async (stack, ms) => {
      for (let left = RELOADS; left > 0; left--) {
        await stack.haproxy.reload();
        await sleep(ms / RELOADS);
      }
      return { figures: [['reloads', RELOADS]], broken: [] };
    },
  },
} as const satisfies Readonly<Record<string, ServiceFault>>;

export type ServiceFaultName = keyof typeof SERVICE_FAULTS;

export const SERVICE_FAULT_NAMES = Object.keys(SERVICE_FAULTS) as readonly ServiceFaultName[];

type Doubt = (stack: Stack) => Promise<string[]>;

/** Every node has to tell of it. */
function whyNot(metric: string, value: number): Doubt {
  return async ({ cluster }) =>
    (await Promise.all(cluster.nodes.map((node) => whyElse(node, metric, value)))).flat();
}

function whyNotVictim(metric: string, value: number): Doubt {
  return ({ victim }) => whyElse(victim, metric, value);
}

async function whyElse(
  { id, url }: { readonly id: string; readonly url: string },
  metric: string,
  value: number,
): Promise<string[]> {
  const found = await metricOf(url, metric);
  return found === value ? [] : [`${id} noticed nothing of the fault: ${metric} is ${String(found)}`];
}

/** Waits, and asks at the end. */
async function during(stack: Stack, ms: number, doubt: Doubt): Promise<string[]> {
  await sleep(ms);
  return doubt(stack);
}

async function timed(what: string, start: () => Promise<void>): Promise<Struck['figures']> {
  const sinceMs = performance.now();
  await start();
  return [[`seconds until ${what} served again`, ((performance.now() - sinceMs) / 1000).toFixed(1)]];
}
