import { assertNever } from '../core/assert.js';
import { ChurningMap } from '../core/churningMap.js';
import {
  type Effect,
  type NodeEvent,
  type ReplyOutcome,
  type SteppingNode,
  type Ticket,
  TICK_MS,
} from '../core/protocol/events.js';
import type { HurryOutcome, RemovalOutcome, WhereOutcome } from '../core/protocol/convergence.js';
import type { GetOutcome, GetRequest, PutOutcome, PutRequest } from '../core/protocol/messages.js';
import type { Key, NodeId, Partition } from '../core/types.js';
import type { Bus, BusHandlers } from '../ports/bus.js';
import type { Clock } from '../ports/clock.js';
import type { ClusterStore } from '../ports/clusterStore.js';
import type { Registry, RegistryHandlers } from '../ports/registry.js';
import type { Storage } from '../ports/storage.js';
import type { Metrics } from '../ports/telemetry.js';
import { type DocumentPlaces, performOnDocument } from './documentEffects.js';
import { OpenScans } from './openScans.js';
import { changeOf } from './storageChange.js';

/**
 * Runs a node: one queue of events, taken one at a time; each step's effects are carried out on the ports in order, and
 * what the ports answer becomes the next events. Decides nothing.
 */
export interface Runtime {
  /** What the bus is to call; usable before {@link Runtime.start}. */
  readonly busHandlers: BusHandlers;
  /** What a registry is to call; likewise. */
  readonly registryHandlers: RegistryHandlers;
  /** Events that came earlier are worked off now. */
  start(bus: Bus, registry?: Registry): void;
  get(request: GetRequest): Promise<GetOutcome>;
  put(request: PutRequest): Promise<PutOutcome>;
  probe(node: NodeId, timeoutMs: number): Promise<boolean>;
  /** What each node holds of the key. */
  where(key: Key): Promise<WhereOutcome>;
  /** Has this node compare with every other one as soon as possible, everything or one partition. */
  hurry(partition?: Partition): Promise<HurryOutcome>;
  /** Gives up a lost node. */
  remove(node: NodeId): Promise<RemovalOutcome>;
  /**
   * Refuses new requests and resolves when the live ones have ended, each by its deadline, and a moment was left to the
   * writes of other nodes. Idempotent.
   */
  stop(): Promise<void>;
  /** Another node is to be found there. */
  seen(node: NodeId, busAddress: string): void;
}

export interface RuntimeOptions {
  readonly node: SteppingNode;
  readonly storage: Storage;
  readonly clusterStore: ClusterStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Called once: the core threw, its state cannot be trusted any more, and the process has to end. */
  readonly onBug: (error: unknown) => void;
}

/** Half a second; under load there is always a write of another node on its way to the disk. */
const TICKS_FOR_OTHERS = 500 / TICK_MS;

type Caller = (reply: ReplyOutcome) => void;

export function createRuntime(options: RuntimeOptions): Runtime {
  return new NodeRuntime(options);
}

class NodeRuntime implements Runtime {
  readonly busHandlers: BusHandlers;
  readonly registryHandlers: RegistryHandlers;
  readonly #options: RuntimeOptions;
  readonly #callers = new ChurningMap<Ticket, Caller>();
  readonly #scans: OpenScans;
  readonly #queue: NodeEvent[] = [];
  #bus: Bus | undefined;
  #documentPlaces: DocumentPlaces;
  #lastTicket: Ticket = 0;
  #draining = false;
  #broken = false;
  #stopTicks: (() => void) | undefined;
  #stopped: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  #ticksForOthers = TICKS_FOR_OTHERS;
  readonly #forward = (event: NodeEvent): void => {
    this.#dispatch(event);
  };

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#documentPlaces = { clusterStore: options.clusterStore, registry: undefined };
    this.#scans = new OpenScans(options.storage, this.#forward);
    this.busHandlers = {
      onMessage: (from, message, remainingMs) => {
        this.#dispatch({ type: 'message', from, message, remainingMs });
      },
      onUnroutable: (to, message) => {
        this.#dispatch({ type: 'unroutable', to, message });
      },
    };
    this.registryHandlers = {
      onChanged: () => {
        this.#dispatch({ type: 'storeChanged' });
      },
      onNodes: (nodes) => {
        this.#dispatch({ type: 'registered', nodes });
      },
    };
  }

  start(bus: Bus, registry?: Registry): void {
    this.#bus = bus;
    this.#documentPlaces = { clusterStore: this.#options.clusterStore, registry };
    this.#stopTicks = this.#options.clock.every(TICK_MS, () => {
      this.#dispatch({ type: 'tick', sequence: this.#options.storage.stats().sequence });
      this.#noticeIdle();
    });
    this.#drain();
  }

  get(request: GetRequest): Promise<GetOutcome> {
    return this.#ask(
      (ticket) => ({ type: 'get', ticket, request }),
      (reply) => (reply.to === 'get' ? reply.outcome : undefined),
    );
  }

  put(request: PutRequest): Promise<PutOutcome> {
    return this.#ask(
      (ticket) => ({ type: 'put', ticket, request }),
      (reply) => (reply.to === 'put' ? reply.outcome : undefined),
    );
  }

  probe(node: NodeId, timeoutMs: number): Promise<boolean> {
    return this.#ask(
      (ticket) => ({ type: 'probe', ticket, node, timeoutMs }),
      (reply) => (reply.to === 'probe' ? reply.reachable : undefined),
    );
  }

  where(key: Key): Promise<WhereOutcome> {
    return this.#ask(
      (ticket) => ({ type: 'where', ticket, key }),
      (reply) => (reply.to === 'where' ? reply.outcome : undefined),
    );
  }

  hurry(partition?: Partition): Promise<HurryOutcome> {
    return this.#ask(
      (ticket) => ({ type: 'hurry', ticket, ...(partition !== undefined && { partition }) }),
      (reply) => (reply.to === 'hurry' ? reply.outcome : undefined),
    );
  }

  remove(node: NodeId): Promise<RemovalOutcome> {
    return this.#ask(
      (ticket) => ({ type: 'remove', ticket, node }),
      (reply) => (reply.to === 'remove' ? reply.outcome : undefined),
    );
  }

  seen(node: NodeId, busAddress: string): void {
    this.#dispatch({ type: 'seen', node, busAddress });
  }

  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#dispatch({ type: 'stop' });
      this.#onIdle = resolve;
      this.#noticeIdle();
    });
    return this.#stopped;
  }

  #noticeIdle(): void {
    const { liveRequests, cells } = this.#options.node.sizes();
    if (!this.#onIdle || liveRequests > 0) return;
    if (cells > 0 && this.#ticksForOthers-- > 0) return;
    this.#stopTicks?.();
    this.#scans.closeAll();
    this.#onIdle();
    this.#onIdle = undefined;
  }

  /** `read` gives what a reply to the ticket says, or undefined where it is none. */
  #ask<T>(event: (ticket: Ticket) => NodeEvent, read: (reply: ReplyOutcome) => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const ticket = ++this.#lastTicket;
      this.#callers.set(ticket, (reply) => {
        const said = read(reply);
        if (said !== undefined) resolve(said);
      });
      this.#dispatch(event(ticket));
    });
  }

  #dispatch(event: NodeEvent): void {
    if (this.#broken) return;
    if (this.#bus && !this.#draining) this.#drain(event);
    else this.#queue.push(event);
  }

  /** Ports may answer at once, from inside an effect: their events join the queue and wait for their turn. */
  #drain(first?: NodeEvent): void {
    this.#draining = true;
    try {
      if (first) this.#step(first);
      // Also visits what is pushed meanwhile.
      for (const event of this.#queue) this.#step(event);
    } catch (error) {
      this.#broken = true;
      this.#options.onBug(error);
    } finally {
      if (this.#queue.length > 0) this.#queue.length = 0;
      this.#draining = false;
    }
  }

  #step(event: NodeEvent): void {
    const { node, clock } = this.#options;
    for (const effect of node.step(event, clock.now())) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        this.#bus?.send(effect.to, effect.message, effect.remainingMs, effect.bulk);
        return;
      case 'load':
        this.#options.storage.read(effect.key, (result) => {
          this.#dispatch({ type: 'loaded', key: effect.key, purpose: effect.purpose, result });
        });
        return;
      case 'store':
      case 'drop':
        this.#change(effect);
        return;
      case 'keepHint':
        this.#keepHint(effect);
        return;
      case 'renounce':
        this.#options.storage.write(effect, (error) => {
          this.#dispatch({ type: 'renounceStored', durable: !error });
        });
        return;
      case 'forgetHint':
      case 'keepHeights':
        // Nobody waits: done again after a failure, or made superfluous by the next one.
        this.#options.storage.write(effect, () => undefined);
        return;
      case 'connect':
        this.#bus?.connect(effect.node, effect.busAddress);
        return;
      case 'keepVote':
      case 'keepDocument':
      case 'keepCluster':
      case 'readStore':
      case 'swapStore':
        performOnDocument(effect, this.#documentPlaces, this.#forward);
        return;
      case 'scan':
      case 'scanNext':
      case 'scanEnd':
        this.#scans.perform(effect);
        return;
      case 'reply':
        this.#callers.get(effect.ticket)?.(effect.reply);
        this.#callers.delete(effect.ticket);
        return;
      case 'observe':
        this.#options.metrics.count('rondo_events_total', { event: effect.fact });
        return;
      default:
        assertNever(effect);
    }
  }

  #change(effect: Extract<Effect, { type: 'store' | 'drop' }>): void {
    const { store, key } = effect;
    this.#options.storage.write(changeOf(effect), (error) => {
      this.#dispatch({ type: error ? 'storeFailed' : 'stored', key, store });
    });
  }

  #keepHint({ hint }: Extract<Effect, { type: 'keepHint' }>): void {
    const { target, key } = hint;
    this.#options.storage.write({ type: 'keepHint', hint }, (error) => {
      this.#dispatch({ type: 'hintStored', target, key, durable: !error });
    });
  }
}
