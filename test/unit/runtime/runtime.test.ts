import { describe, expect, it } from '@jest/globals';
import type {
  Effect,
  NodeEvent,
  NodeSizes,
  NodeView,
  SteppingNode,
} from '../../../services/node/core/protocol/events.js';
import type { PutRequest } from '../../../services/node/core/protocol/messages.js';
import type { Actor, Hint, Key, NodeId } from '../../../services/node/core/types.js';
import type { ClusterStore } from '../../../services/node/ports/clusterStore.js';
import type { Bus } from '../../../services/node/ports/bus.js';
import type { Clock } from '../../../services/node/ports/clock.js';
import type { Storage, StorageChange } from '../../../services/node/ports/storage.js';
import type { Metrics } from '../../../services/node/ports/telemetry.js';
import { createRuntime, type Runtime } from '../../../services/node/runtime/runtime.js';
import { EMPTY_RECORD } from '../../../services/node/core/versioning/record.js';

const KEY = 'k' as Key;
const OTHER = 'n2' as NodeId;
const NOTHING: NodeSizes = {
  ...{ liveRequests: 0, liveBytes: 0, settling: 0, cells: 0 },
  ...{ hints: 0, repairs: 0, damagedKeys: 0 },
};
const VIEW: NodeView = {
  ...{ document: undefined, founding: undefined },
  ...{ complete: true, vouched: true, actor: 'actor' as Actor },
  ...{
    liveness: new Map(),
    hints: new Map(),
    antiEntropy: undefined,
    registry: undefined,
    rebuild: undefined,
  },
};
const HINT: Hint = { target: OTHER, key: KEY, order: 3 };
const PING = { type: 'ping', request: 1, epoch: 1, heights: [] } as const;
const FOUND = { ok: true, version: 'v', values: [] } as const;
const WRITTEN = { ok: true, version: 'v', siblings: 1 } as const;
const PUT: PutRequest = {
  key: KEY,
  value: new Uint8Array(),
  fromVersion: '',
  quorum: 'sloppy',
  onConflict: 'refuse',
};

/** What a scripted node wants done on an event. */
type Script = (event: NodeEvent) => readonly Effect[];

/** A runtime on fake ports around a node that follows a script. */
function createFixture(script: Script = () => []) {
  const events: NodeEvent[] = [];
  const trace: string[] = [];
  const bugs: unknown[] = [];
  const ticks: (() => void)[] = [];
  const writes: { readonly change: StorageChange; readonly done: (error?: Error) => void }[] = [];
  const fixture = { sizes: NOTHING, monotonicMs: 0, depth: 0, sequence: 0 };
  const node: SteppingNode = {
    step(event) {
      expect(++fixture.depth).toBe(1);
      try {
        events.push(event);
        trace.push(event.type);
        return script(event);
      } finally {
        fixture.depth--;
      }
    },
    sizes: () => fixture.sizes,
    view: () => VIEW,
  };
  const clock: Clock = {
    now: () => ({ monotonicMs: fixture.monotonicMs, wallMs: 0 }),
    every: (_, task) => {
      ticks.push(task);
      return () => void ticks.splice(0);
    },
  };
  const bus: Bus = {
    send: (to, { type }, _, bulk) => void trace.push(`send ${type} to ${to}${bulk ? ', bulk' : ''}`),
    connect: (node, address) => void trace.push(`connect ${node} at ${address}`),
    peers: () => new Map(),
    close: async () => {},
  };
  const storage = {
    read: (_key: Key, done: (result: { readonly status: 'missing' }) => void) => {
      trace.push('read');
      done({ status: 'missing' });
    },
    write: (change: StorageChange, done: (error?: Error) => void) => {
      trace.push(`write ${change.type}`);
      writes.push({ change, done });
    },
    stats: () => ({ sequence: fixture.sequence }),
  } as unknown as Storage;
  const metrics: Metrics = {
    count: (name, labels) => void trace.push(`${name} ${labels?.['event'] ?? ''}`),
    observe: () => {},
    gauge: () => {},
  };
  const kept = (what: string) => (_: unknown, done: (error?: Error) => void) => {
    trace.push(`keep ${what}`);
    done();
  };
  const clusterStore: ClusterStore = {
    keepVote: kept('vote'),
    keepDocument: kept('document'),
    keepCluster: kept('cluster'),
    idle: () => Promise.resolve(),
  };
  const onBug = (error: unknown) => void bugs.push(error);
  const runtime = createRuntime({ node, storage, clusterStore, clock, metrics, onBug });
  const tick = (times = 1): void => {
    for (let i = 0; i < times; i++) for (const task of [...ticks]) task();
  };
  return Object.assign(fixture, { runtime, bus, events, trace, bugs, ticks, writes, tick });
}

function started(script?: Script) {
  const fixture = createFixture(script);
  fixture.runtime.start(fixture.bus);
  return fixture;
}

/** Whether the promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

function ticketOf(event: NodeEvent): number {
  return 'ticket' in event ? event.ticket : 0;
}

describe('the runtime', () => {
  it('carries out the effects of a step in their order', () => {
    const { runtime, trace } = started((event) =>
      event.type === 'get'
        ? [
            { type: 'observe', fact: 'forwarded' },
            { type: 'send', to: OTHER, message: PING, remainingMs: 5, bulk: false },
            { type: 'store', store: 1, key: KEY, record: EMPTY_RECORD, counter: 7 },
          ]
        : [],
    );
    void runtime.get({ key: KEY, quorum: 'sloppy' });
    expect(trace).toEqual(['get', 'rondo_events_total forwarded', 'send ping to n2', 'write record']);
  });

  it('takes what a port answers at once as the next event, not inside the step or before its other effects', () => {
    const { runtime, trace } = started((event) =>
      event.type === 'get'
        ? [
            { type: 'load', key: KEY, purpose: { for: 'localRead', request: 1, strict: false } },
            {
              ...{ type: 'send', to: OTHER, remainingMs: 5, bulk: true },
              message: { type: 'read', request: 1, key: KEY, since: 1, strict: false },
            },
          ]
        : [],
    );
    void runtime.get({ key: KEY, quorum: 'sloppy' });
    expect(trace).toEqual(['get', 'read', 'send read to n2, bulk', 'loaded']);
  });

  it('gives each caller its own reply, in whatever order they come', async () => {
    const { runtime } = started((event) => {
      if (event.type !== 'put') return [];
      const get: Effect = { type: 'reply', ticket: 1, reply: { to: 'get', outcome: FOUND } };
      return [{ type: 'reply', ticket: event.ticket, reply: { to: 'put', outcome: WRITTEN } }, get];
    });
    const get = runtime.get({ key: KEY, quorum: 'sloppy' });
    expect(await isSettled(get)).toBe(false);
    const put = runtime.put(PUT);
    expect([await get, await put]).toEqual([FOUND, WRITTEN]);
  });

  it('probes, and takes a second reply to a ticket for none', async () => {
    const { runtime, bugs } = started((event) => {
      const reply = (reachable: boolean): Effect => {
        return { type: 'reply', ticket: ticketOf(event), reply: { to: 'probe', reachable } };
      };
      return event.type === 'probe' ? [reply(true), reply(false)] : [];
    });
    expect([await runtime.probe(OTHER, 10), bugs]).toEqual([true, []]);
  });

  it.each<[string, Effect, StorageChange]>([
    [
      'store',
      { type: 'store', store: 9, key: KEY, record: EMPTY_RECORD, counter: 7 },
      { type: 'record', key: KEY, record: EMPTY_RECORD, counter: 7 },
    ],
    ['drop', { type: 'drop', store: 9, key: KEY }, { type: 'drop', key: KEY }],
  ])('names the %s that has ended, well or not', (_, effect, change) => {
    const { runtime, writes, events } = started((event) => (event.type === 'put' ? [effect] : []));
    void runtime.put(PUT);
    const [{ change: written, done }] = writes as [(typeof writes)[0]];
    expect(written).toEqual(change);
    done();
    done(new Error('disk full'));
    expect(events.slice(1)).toEqual([
      { type: 'stored', key: KEY, store: 9 },
      { type: 'storeFailed', key: KEY, store: 9 },
    ]);
  });

  it('names the hint that was kept, or was not', () => {
    const { runtime, writes, events } = started((event) =>
      event.type === 'put' ? [{ type: 'keepHint', hint: HINT }] : [],
    );
    void runtime.put(PUT);
    const [{ change, done }] = writes as [(typeof writes)[0]];
    expect(change).toEqual({ type: 'keepHint', hint: HINT });
    done();
    done(new Error('disk full'));
    expect(events.slice(1)).toEqual([
      { type: 'hintStored', target: OTHER, key: KEY, durable: true },
      { type: 'hintStored', target: OTHER, key: KEY, durable: false },
    ]);
  });

  it.each([undefined, new Error('disk full')])('says whether a renouncement is durable: %s', (error) => {
    const effect = { type: 'renounce', actor: 'spare' as Actor, counter: 4 } as const;
    const { runtime, writes, events } = started((event) => (event.type === 'put' ? [effect] : []));
    void runtime.put(PUT);
    writes[0]!.done(error);
    expect(events.at(-1)).toEqual({ type: 'renounceStored', durable: !error });
  });

  it.each<Extract<Effect, { type: 'forgetHint' | 'keepHeights' }>>([
    { type: 'forgetHint', target: OTHER, key: KEY },
    { type: 'keepHeights', heights: new Map() },
  ])('has it written for which nobody waits, and goes on where that fails: $type', (effect) => {
    const { runtime, writes, events, bugs } = started((event) => (event.type === 'put' ? [effect] : []));
    void runtime.put(PUT);
    expect(writes.map(({ change }) => change)).toEqual([effect]);
    writes[0]!.done(new Error('disk full'));
    expect([events.length, bugs]).toEqual([1, []]);
  });

  it('hands on what the bus brings and what it could not route', () => {
    const { runtime, events } = started();
    runtime.busHandlers.onMessage(OTHER, PING, 50);
    runtime.busHandlers.onUnroutable(OTHER, { ...PING, type: 'pong' });
    expect(events).toEqual([
      { type: 'message', from: OTHER, message: PING, remainingMs: 50 },
      { type: 'unroutable', to: OTHER, message: { ...PING, type: 'pong' } },
    ]);
  });

  it('keeps what comes before the start until then', () => {
    const fixture = createFixture();
    fixture.runtime.busHandlers.onMessage(OTHER, PING, 50);
    void fixture.runtime.get({ key: KEY, quorum: 'sloppy' });
    expect(fixture.trace).toEqual([]);
    fixture.runtime.start(fixture.bus);
    expect(fixture.trace).toEqual(['message', 'get']);
  });

  it('has deadlines judged at every tick, and says how far the disk has come', () => {
    const fixture = started();
    for (const sequence of [4, 4, 9]) {
      fixture.sequence = sequence;
      fixture.tick();
    }
    expect(fixture.events).toEqual([4, 4, 9].map((sequence) => ({ type: 'tick', sequence })));
  });

  it('reports a throwing node once, and asks it for nothing more', () => {
    const { runtime, bugs, trace, tick } = started(() => {
      throw new Error('invariant violated');
    });
    void runtime.get({ key: KEY, quorum: 'sloppy' });
    void runtime.get({ key: KEY, quorum: 'sloppy' });
    tick();
    expect(bugs).toEqual([new Error('invariant violated')]);
    expect(trace).toEqual(['get']);
  });
});

describe('the stop of a runtime', () => {
  async function stopping(sizes: Partial<NodeSizes>) {
    const fixture = started();
    fixture.sizes = { ...NOTHING, ...sizes };
    const stop = fixture.runtime.stop();
    expect(fixture.trace).toEqual(['stop']);
    return { ...fixture, fixture, stop, settled: await isSettled(stop) };
  }

  it('ends at once where nothing is live, and the ticks with it', async () => {
    const { settled, ticks } = await stopping({ settling: 5 });
    expect([settled, ticks]).toEqual([true, []]);
  });

  it('waits for live requests, however long they last', async () => {
    const { fixture, stop, tick } = await stopping({ liveRequests: 1 });
    tick(1000);
    expect(await isSettled(stop)).toBe(false);
    fixture.sizes = NOTHING;
    tick();
    expect(await isSettled(stop)).toBe(true);
  });

  it('waits for writes of other nodes, but not for ever: under load there is always one', async () => {
    const { stop, tick } = await stopping({ cells: 1 });
    tick(5);
    expect(await isSettled(stop)).toBe(false);
    tick(1000);
    expect(await isSettled(stop)).toBe(true);
  });

  it('is the same for all who ask', async () => {
    const { runtime, stop, trace } = await stopping({});
    const again: ReturnType<Runtime['stop']> = runtime.stop();
    expect(again).toBe(stop);
    expect(trace).toEqual(['stop']);
  });
});
