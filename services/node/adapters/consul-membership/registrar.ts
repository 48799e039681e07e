import { performance } from 'node:perf_hooks';
import type { NodeId } from '../../core/types.js';
import type { Registration } from '../../ports/registry.js';
import type { Log } from '../../ports/telemetry.js';
import { readRegistration } from './calls.js';
import type { Answer, Client } from './client.js';
import { type Complaints, createComplaints } from './complaints.js';
import type { Life, Sleeper } from './life.js';
import { definitionOf, saysTheSame, type ServiceDefinition } from './registration.js';
import { backoffMs, type ConsulTuning } from './tuning.js';

/**
 * Keeps what this node says of itself true at its agent: looks every few seconds, says it again where the agent has
 * forgotten it or holds something else. A registration without what would end it by itself: only the evictor ends another's.
 */
export interface Registrar {
  register(registration: Registration): void;
  /** The agent can be reached again: looks now. */
  hurry(): void;
  readonly registered: boolean;
  /** Takes the registration back, for at most so long. After the end of the life. */
  leave(timeoutMs: number): Promise<void>;
}

export interface RegistrarOptions {
  readonly client: Client;
  readonly life: Life;
  readonly tuning: ConsulTuning;
  readonly self: NodeId;
  readonly service: string;
  readonly url: string;
  readonly log: Log;
}

interface State extends RegistrarOptions {
  readonly sleeper: Sleeper;
  readonly complaints: Complaints;
  wanted: ServiceDefinition | undefined;
  /** As it is known to be held. */
  held: ServiceDefinition | undefined;
  loop: Promise<void> | undefined;
}

export function createRegistrar(options: RegistrarOptions): Registrar {
  const complaints = createComplaints(options.log, {
    bad: 'this node cannot be registered in Consul',
    good: 'this node is registered in Consul again',
    // Whether Consul is reached is said by the watch of the document.
    kinds: ['refused', 'overlong', 'foreign'],
    url: options.url,
  });
  const sleeper = options.life.sleeper();
  const state: State = {
    ...options,
    sleeper,
    complaints,
    wanted: undefined,
    held: undefined,
    loop: undefined,
  };
  return {
    register: (registration) => {
      const definition = definitionOf(registration);
      if (state.life.hasEnded() || JSON.stringify(definition) === JSON.stringify(state.wanted)) return;
      state.wanted = definition;
      state.sleeper.wake();
      state.loop ??= keepRegistered(state);
    },
    hurry: () => state.sleeper.wake(),
    get registered() {
      return state.wanted !== undefined && state.held === state.wanted;
    },
    leave: (timeoutMs) => leave(state, timeoutMs),
  };
}

async function keepRegistered(state: State): Promise<void> {
  const { life, sleeper, tuning, complaints } = state;
  let failures = 0;
  while (!life.hasEnded()) {
    const answer = await sayOnce(state);
    if (answer.ok) {
      failures = 0;
      complaints.good();
      if (answer.value === 'said') await sleeper.pause(tuning.updateMs);
      await sleeper.sleep(tuning.lookMs);
    } else {
      state.held = undefined;
      complaints.bad(answer.fault);
      await sleeper.pause(backoffMs(tuning, failures++));
    }
  }
}

async function sayOnce(state: State): Promise<Answer<'said' | 'was there'>> {
  const { client, self, service, tuning, wanted, life } = state;
  if (!wanted) return { ok: true, value: 'was there' };
  const found = await readRegistration(client, self, tuning.registerMs);
  if (!found.ok) return found;
  if (saysTheSame(found.value, service, wanted)) {
    state.held = wanted;
    return { ok: true, value: 'was there' };
  }
  if (life.hasEnded()) return { ok: true, value: 'was there' };
  if (state.held !== undefined && state.held === wanted) {
    state.log.log('info', 'Consul does not hold the registration of this node any more: registering again');
  }
  state.held = undefined;
  const said = await say(state, wanted);
  if (!said.ok) return said;
  state.held = wanted;
  return { ok: true, value: 'said' };
}

const CHECK_INTERVAL = '1s';
const CHECK_TIMEOUT = '2s';

async function say(
  { client, self, service, tuning }: State,
  definition: ServiceDefinition,
): Promise<Answer<true>> {
  const { address, port, meta, checkUrl } = definition;
  const reply = await client.ask('register', tuning.registerMs, (api, options) => {
    const check = {
      name: `${service} ${self}`,
      http: checkUrl,
      interval: CHECK_INTERVAL,
      timeout: CHECK_TIMEOUT,
    };
    const wanted = { name: service, id: self, address, port, meta: { ...meta }, check, ...options };
    return api.agent.service.register(wanted);
  });
  return reply.ok ? { ok: true, value: true } : reply;
}

/** A registration on its way arrives first, where it does so in time. */
async function leave({ client, self, loop }: State, timeoutMs: number): Promise<void> {
  if (!loop) return;
  const deadlineMs = performance.now() + timeoutMs;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs / 2)));
  await Promise.race([loop, patience]);
  clearTimeout(timer);
  await client.ask('deregister', Math.max(1, deadlineMs - performance.now()), (api, options) => {
    const wanted = { id: self, ...options };
    return api.agent.service.deregister(wanted);
  });
}
