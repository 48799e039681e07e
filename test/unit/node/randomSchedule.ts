import { expect } from '@jest/globals';
import fc from 'fast-check';
import {
  type Effect,
  type ReplyOutcome,
  type Ticket,
  TICK_MS,
} from '../../../services/node/core/protocol/events.js';
import type {
  GetRequest,
  Message,
  PutRequest,
  Quorum,
} from '../../../services/node/core/protocol/messages.js';
import { type Clock, type Dot, type Key, LIMITS, type NodeId } from '../../../services/node/core/types.js';
import { covers } from '../../../services/node/core/versioning/clock.js';
import { EMPTY_RECORD, mergeRecords, visibleValues } from '../../../services/node/core/versioning/record.js';
import { decodeVersion } from '../../../services/node/core/versioning/version.js';
import {
  bytes,
  createStepCluster,
  isMessage,
  key,
  NO_SIZES,
  type Pending,
  type PendingChange,
  type PendingStore,
  SEAL,
  textOf,
  TIMEOUT_MS,
} from '../support/stepCluster.js';

/**
 * Clients, faults and an order of events drawn at random, with an oracle that knows only what clients sent and got: the
 * values that a version was given with are what a client has seen who writes with it.
 */
export interface Action {
  readonly kind: keyof typeof ACTIONS;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

type Value = string;
type WriteMessage = Extract<Message, { type: 'write' }>;
type ClientPut = Pick<PutRequest, 'key' | 'fromVersion' | 'onConflict' | 'requestId' | 'quorum'> & {
  readonly value: Value;
  readonly minWrites: number;
};

interface Attempt {
  readonly put: ClientPut;
  readonly node: NodeId;
  readonly incarnation: number;
}

interface Reading extends Omit<Attempt, 'put'> {
  readonly key: Key;
  /** Acknowledged before, with quorums that overlap with this one. */
  readonly due: readonly Value[];
}

const KEYS = [key('x'), key('y')];
const REPLICAS = 3;
/** The longest pause of a delivery, and the longest that a node is held suspect after it went back and forth. */
const ROUNDS_MAX = 15_000 / (TIMEOUT_MS / 6);

const quorumOf = (n: number): Quorum => (n % 2 === 0 ? 'sloppy' : 'strict');
const isOfDisk = (item: Pending | undefined): item is PendingStore | PendingChange =>
  item?.kind === 'store' || item?.kind === 'change';

/** How often each kind is drawn. */
const ACTIONS = {
  put: 6,
  repeat: 2,
  get: 4,
  run: 40,
  copy: 4,
  drop: 2,
  bounce: 2,
  failStore: 1,
  time: 2,
  ticks: 3,
  silence: 1,
  leave: 1,
  return: 2,
  restart: 1,
};

const action: fc.Arbitrary<Action> = fc.record({
  kind: fc.oneof(
    ...(Object.keys(ACTIONS) as Action['kind'][]).map((kind) => ({
      weight: ACTIONS[kind],
      arbitrary: fc.constant(kind),
    })),
  ),
  a: fc.nat(1000),
  b: fc.nat(1000),
  c: fc.nat(1000),
});

export const schedule = fc.array(action, { minLength: 20, maxLength: 150, size: 'max' });

export function createSchedule(nodes: number) {
  const cluster = createStepCluster({ nodes, replicas: REPLICAS, onEffect: check });
  const attempts = new Map<Ticket, Attempt>();
  const readings = new Map<Ticket, Reading>();
  /** For each value what its client had seen when it wrote it. */
  const seenBy = new Map<Value, ReadonlySet<Value>>();
  /** For each key the versions that clients have, with what they stand for. */
  const versions = new Map(KEYS.map((key) => [key, new Map<string, ReadonlySet<Value>>([['', new Set()]])]));
  const acknowledged = new Map<Value, ClientPut>();
  const valueOfDot = new Map<string, Value>();
  const copied = new Set<Pending>();
  const marks = new Map(KEYS.map((key) => [key, 0]));
  let storesFailed = false;
  const nodeAt = (n: number): NodeId => cluster.ids[n % nodes]!;

  function check(node: NodeId, effect: Effect): void {
    if (effect.type === 'send' && effect.message.type === 'write') {
      expectDurableFirst(effect.bulk ? cluster.ids : [node], effect.message);
    }
    if (effect.type === 'renounce') throw new Error(`${node} gave up a directory that was never another`);
    if (effect.type === 'reply') onReply(effect.ticket, effect.reply);
  }

  /** What is sent lies on the disk of its sender (R1), and what a read found elsewhere on any of those that it read. */
  function expectDurableFirst(holders: readonly NodeId[], { key, record }: WriteMessage): void {
    const clocks = holders.map((id) => cluster.disk(id).records.get(key)?.clock ?? []);
    for (const { dot } of record.siblings) expect(clocks.some((clock) => covers(clock, dot))).toBe(true);
  }

  function onReply(ticket: Ticket, reply: ReplyOutcome): void {
    expect(cluster.replies(ticket)).toEqual([]);
    const attempt = attempts.get(ticket);
    if (attempt && reply.to === 'put') onPutReply(attempt.put, reply.outcome);
    const reading = readings.get(ticket);
    if (reading && reply.to === 'get' && reply.outcome.ok) onRead(reading, reply.outcome);
  }

  function onPutReply(put: ClientPut, outcome: Extract<ReplyOutcome, { to: 'put' }>['outcome']): void {
    if (!outcome.ok) {
      if (outcome.version !== undefined) expectDurable(put.key, outcome.version);
      return;
    }
    acknowledged.set(put.value, put);
    expect(copiesOf(put, cluster.ids)).toBeGreaterThanOrEqual(put.minWrites);
    if (outcome.version === null) return;
    expectDurable(put.key, outcome.version);
    versions.get(put.key)!.set(outcome.version, pastOf([put.value]));
  }

  function onRead(reading: Reading, { version, values }: { version: string; values: readonly Uint8Array[] }) {
    const texts = values.map(textOf);
    const seen = pastOf(texts);
    for (const value of reading.due) expect(seen).toContain(value);
    expect(new Set(texts).size).toBe(texts.length);
    expectDurable(reading.key, version);
    versions.get(reading.key)!.set(version, seen);
  }

  /** No version speaks of a write that its own node can still forget, and whose dot it would use again (I4). */
  function expectDurable(key: Key, version: string): void {
    const clock: Clock = decodeVersion(SEAL, key, version)!;
    for (const { actor, counter } of clock) {
      const disk = cluster.ids.map((id) => cluster.disk(id)).find((other) => other.actor === actor);
      // The actor of one life is never used by another.
      if (disk) expect(disk.counter).toBeGreaterThanOrEqual(counter);
      else expect(actor).toMatch(/^spare-/);
    }
  }

  /** On how many of these disks the write is, or is covered by later ones (I1). */
  function copiesOf({ key, value }: ClientPut, nodes: readonly NodeId[]): number {
    const named = [...valueOfDot].filter(([, other]) => other === value);
    const dots = named.map(([dot]) => JSON.parse(dot) as Dot);
    const clocks = nodes.map((id) => cluster.disk(id).records.get(key)?.clock ?? []);
    return clocks.filter((clock) => dots.some((dot) => covers(clock, dot))).length;
  }

  function pastOf(values: readonly Value[]): ReadonlySet<Value> {
    return new Set(values.flatMap((value) => [value, ...seenBy.get(value)!]));
  }

  function send(node: NodeId, put: ClientPut): void {
    const { incarnation } = cluster.disk(node);
    // The reply may come before the call returns, so that the ticket is foretold.
    attempts.set(attempts.size + readings.size + 1, { put, node, incarnation });
    cluster.put(node, { ...put, value: bytes(put.value) });
  }

  function put({ a, b, c }: Action): void {
    const key = KEYS[a % KEYS.length]!;
    const known = [...versions.get(key)!];
    const [fromVersion, seen] = known[b % known.length]!;
    const value = `v${seenBy.size + 1}`;
    seenBy.set(value, seen);
    send(nodeAt(c), {
      key,
      value,
      fromVersion,
      minWrites: 1 + ((a >> 1) % REPLICAS),
      onConflict: (b >> 3) % 2 === 0 ? 'refuse' : 'sibling',
      quorum: quorumOf(b >> 4),
      ...(c % 4 > 0 && hasMark(key) && { requestId: `request ${value}` }),
    });
  }

  /** A record remembers so many requests; a repeat that it has forgotten is a new write. */
  function hasMark(key: Key): boolean {
    marks.set(key, marks.get(key)! + 1);
    return marks.get(key)! <= LIMITS.requestMarksMax;
  }

  function repeat({ a, b }: Action): void {
    const earlier = [...attempts.values()].map(({ put }) => put).filter(({ requestId }) => requestId);
    const chosen = earlier[a % Math.max(1, earlier.length)];
    if (chosen && hasMark(chosen.key)) send(nodeAt(b), chosen);
  }

  function get({ a, b, c }: Action): void {
    const node = nodeAt(a);
    const key = KEYS[b % KEYS.length]!;
    const minReads = 1 + (c % REPLICAS);
    const quorum = quorumOf(c >> 2);
    const isDue = (put: ClientPut) => nodes === REPLICAS || (quorum === 'strict' && put.quorum === 'strict');
    read(node, { key, minReads, quorum }, isDue);
  }

  /** `isDue`: whether the read has to see a write whose quorum overlaps with its own. */
  function read(node: NodeId, request: Required<GetRequest>, isDue: (put: ClientPut) => boolean): Ticket {
    const { key, minReads } = request;
    const due = [...acknowledged.values()].filter(
      (put) => put.key === key && put.minWrites + minReads > REPLICAS && isDue(put),
    );
    const { incarnation } = cluster.disk(node);
    const reading = { key, node, incarnation, due: due.map(({ value }) => value) };
    readings.set(attempts.size + readings.size + 1, reading);
    return cluster.get(node, request);
  }

  /** Changes of a disk take effect in their order. */
  function pick(n: number): Pending | undefined {
    const item = cluster.pending[n % Math.max(1, cluster.pending.length)];
    if (!isOfDisk(item)) return item;
    return cluster.pending.find((other) => isOfDisk(other) && other.node === item.node);
  }

  /** What was delivered once does not come back as unroutable when it comes again. */
  function run(item: Pending | undefined): void {
    if (item?.kind === 'store') noteDots(item);
    if (item?.kind === 'message' && copied.has(item) && cluster.absent.has(item.to)) {
      cluster.drop((other) => other === item);
    } else if (item) cluster.run(item);
  }

  /** A durable dot names one value, forever (I4). */
  function noteDots({ effect }: PendingStore): void {
    for (const { dot, value } of effect.record.siblings) {
      const { actor, counter } = dot;
      const name = JSON.stringify({ actor, counter });
      expect(valueOfDot.get(name) ?? textOf(value)).toBe(textOf(value));
      valueOfDot.set(name, textOf(value));
    }
  }

  function act(action: Action): void {
    const item = pick(action.a);
    switch (action.kind) {
      case 'put':
        return put(action);
      case 'repeat':
        return repeat(action);
      case 'get':
        return get(action);
      case 'run':
        return run(item);
      case 'copy':
        if (item?.kind !== 'message' || cluster.absent.has(item.to)) return;
        cluster.run(item);
        copied.add(item);
        cluster.pending.push(item);
        return;
      case 'drop':
        if (item?.kind === 'message') cluster.drop((other) => other === item);
        return;
      case 'bounce':
        if (item?.kind === 'message' && !copied.has(item)) cluster.bounce(item);
        return;
      case 'failStore':
        if (!isOfDisk(item)) return;
        storesFailed = true;
        cluster.failStore(item);
        return;
      case 'time':
        return cluster.advance(action.b);
      case 'ticks':
        for (let ticks = 0; ticks < action.b % 40; ticks++) cluster.advance(TICK_MS);
        return;
      case 'silence':
        cluster.silent.add(nodeAt(action.b));
        return;
      case 'leave':
        cluster.absent.add(nodeAt(action.b));
        return;
      case 'return':
        cluster.silent.delete(nodeAt(action.b));
        cluster.absent.delete(nodeAt(action.b));
        return;
      case 'restart':
        return restart(nodeAt(action.b));
    }
  }

  /** Connections do not outlive a process: no forward that came to it comes again to its successor. */
  function restart(node: NodeId): void {
    cluster.drop(isMessage('forward', node));
    cluster.restart(node);
  }

  /** No more faults: everything under way ends, all deadlines pass, and all hints are delivered. */
  function finish(): void {
    cluster.silent.clear();
    cluster.absent.clear();
    runAll();
    for (let rounds = 0; rounds < ROUNDS_MAX && (rounds < 2 || !isQuiet()); rounds++) {
      cluster.advance(TIMEOUT_MS / 6);
      runAll();
    }
  }

  function isQuiet(): boolean {
    return Object.values(cluster.totalSizes()).every((size) => size === 0);
  }

  function runAll(): void {
    while (cluster.pending.length > 0) run(pick(0));
  }

  function expectSound(): void {
    expectEnded();
    for (const key of KEYS) expectKept(key);
    for (const put of acknowledged.values()) expectHandedOver(put);
    expectRefusedWithoutTrace();
    expectNoLeftovers();
    expectReadable();
  }

  /**
   * What fallbacks took in has come to the primaries: as many of them hold the write as its client was promised (R4), and
   * all where nobody crashed and forgot what it had still to keep a hint for.
   */
  function expectHandedOver(put: ClientPut): void {
    const copies = copiesOf(put, cluster.primaries(put.key));
    expect(copies).toBeGreaterThanOrEqual(crashed() ? put.minWrites : REPLICAS);
  }

  /** Every quorum that overlaps with that of an acknowledged write sees it now, wherever it went at first (I2). */
  function expectReadable(): void {
    for (const key of KEYS) {
      for (const minReads of [1, 2, 3]) {
        const n = minReads + marks.get(key)!;
        const ticket = read(nodeAt(n), { key, minReads, quorum: quorumOf(n >> 3) }, () => true);
        runAll();
        expect(cluster.replies(ticket)).toMatchObject([{ outcome: { ok: true } }]);
      }
    }
  }

  /** A fallback keeps no copy that nobody is owed, unless a crash or its disk came between the copy and the hint. */
  function expectNoLeftovers(): void {
    if (storesFailed || crashed()) return;
    for (const key of KEYS) {
      const holders = cluster.ids.filter((id) => cluster.disk(id).records.has(key));
      expect(cluster.primaries(key)).toEqual(expect.arrayContaining(holders));
    }
  }

  const crashed = (): boolean => cluster.ids.some((id) => cluster.disk(id).incarnation > 1);

  function expectEnded(): void {
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
    for (const id of cluster.ids) expect(cluster.disk(id).hints.size).toBe(0);
    for (const [ticket, { node, incarnation }] of [...attempts, ...readings]) {
      const crashed = cluster.disk(node).incarnation > incarnation;
      if (!crashed) expect(cluster.replies(ticket)).toHaveLength(1);
    }
  }

  function expectKept(key: Key): void {
    const records = cluster.ids.flatMap((id) => cluster.disk(id).records.get(key) ?? []);
    const values = new Set(visibleValues(records.reduce(mergeRecords, EMPTY_RECORD)).map(textOf));
    const seen = pastOf([...values]);
    for (const put of acknowledged.values()) if (put.key === key) expect(seen).toContain(put.value);
    for (const value of values) {
      const others = [...values].filter((other) => other !== value);
      expect(pastOf(others)).not.toContain(value);
    }
  }

  /** "No effect" is true where all attempts of a write ended so (I5). */
  function expectRefusedWithoutTrace(): void {
    const durable = new Set(valueOfDot.values());
    const possible = new Set<Value>();
    for (const [ticket, { put }] of attempts) {
      const [reply] = cluster.replies(ticket);
      const none = reply?.to === 'put' && !reply.outcome.ok && reply.outcome.outcome === 'none';
      if (!none) possible.add(put.value);
    }
    for (const value of durable) expect(possible).toContain(value);
  }

  return { act, finish, expectSound, cluster };
}
