import type { Liveness } from '../protocol/events.js';
import type { NodeId } from '../types.js';

/**
 * What this node thinks of every other one, from nothing but answers to what it asked itself: a peer that only sends may
 * not hear. Silence makes a peer suspect, then dead; an answer makes it alive again, at once the first time and later the
 * more slowly the more often it has gone back and forth (damping). Nothing is moved or deleted because of it (I13).
 */
export interface LivenessTimes {
  readonly probeEveryMs: number;
  readonly suspectAfterMs: number;
  readonly deadAfterMs: number;
}

/** What changed at a tick. */
export interface LivenessChanges {
  readonly probe: readonly NodeId[];
  readonly suspected: readonly NodeId[];
  readonly recovered: readonly NodeId[];
}

interface Peer {
  state: Liveness;
  lastAnswerMs: number;
  nextProbeMs: number;
  /** Since when it has answered without a gap; undefined while it is silent. */
  answersSinceMs: number | undefined;
  /** How often it became suspect, lately. */
  relapses: number;
  suspectedAtMs: number;
}

/** From the second relapse on one probe, twice as long for each further one, at most 32 probes. */
const RELAPSES_DAMPED_MAX = 7;
/** A relapse is forgotten after so many probes without another. */
const RELAPSE_FORGOTTEN_PROBES = 300;

export function livenessTimes(nodeTimeoutMs: number): LivenessTimes {
  return { probeEveryMs: nodeTimeoutMs / 10, suspectAfterMs: nodeTimeoutMs / 4, deadAfterMs: nodeTimeoutMs };
}

function newPeer(nowMs: number): Peer {
  return {
    state: 'alive',
    lastAnswerMs: nowMs,
    nextProbeMs: 0,
    answersSinceMs: undefined,
    relapses: 0,
    suspectedAtMs: 0,
  };
}

export class LivenessView {
  readonly #times: LivenessTimes;
  readonly #peers = new Map<NodeId, Peer>();
  #lastTickMs: number | undefined;

  constructor(others: readonly NodeId[], times: LivenessTimes) {
    this.#times = times;
    this.setOthers(others);
  }

  /** Those that are new count as alive until they have been silent for long enough. */
  setOthers(others: readonly NodeId[]): void {
    for (const node of this.#peers.keys()) if (!others.includes(node)) this.#peers.delete(node);
    for (const node of others) {
      if (!this.#peers.has(node)) this.#peers.set(node, newPeer(this.#lastTickMs ?? 0));
    }
  }

  states(): ReadonlyMap<NodeId, Liveness> {
    return new Map([...this.#peers].map(([node, { state }]) => [node, state]));
  }

  /** Nodes that are not in the document are never alive. */
  isAlive(node: NodeId): boolean {
    return this.#peers.get(node)?.state === 'alive';
  }

  /** Whether it has not answered for so long that it would be suspect, as of the last tick. */
  isSilent(node: NodeId): boolean {
    const peer = this.#peers.get(node);
    return peer !== undefined && (this.#lastTickMs ?? 0) - peer.lastAnswerMs >= this.#times.suspectAfterMs;
  }

  /** It answered something that this node had asked. */
  answered(node: NodeId, nowMs: number): void {
    const peer = this.#peers.get(node);
    if (!peer) return;
    peer.lastAnswerMs = nowMs;
    peer.answersSinceMs ??= nowMs;
  }

  /** A probe came back: it is not there now. */
  absent(node: NodeId): void {
    const peer = this.#peers.get(node);
    if (peer)
      peer.lastAnswerMs = Math.min(peer.lastAnswerMs, (this.#lastTickMs ?? 0) - this.#times.suspectAfterMs);
  }

  /** Judges every peer. A late tick means that this process was stopped: what was sent meanwhile was not read yet. */
  tick(nowMs: number): LivenessChanges {
    const { probeEveryMs, suspectAfterMs } = this.#times;
    const gapMs = nowMs - (this.#lastTickMs ?? nowMs);
    const isFirst = this.#lastTickMs === undefined;
    this.#lastTickMs = nowMs;
    const changes = { probe: [] as NodeId[], suspected: [] as NodeId[], recovered: [] as NodeId[] };
    for (const [node, peer] of this.#peers) {
      if (isFirst) peer.lastAnswerMs = nowMs;
      else if (gapMs > suspectAfterMs / 2) peer.lastAnswerMs = Math.min(nowMs, peer.lastAnswerMs + gapMs);
      if (nowMs >= peer.nextProbeMs) {
        peer.nextProbeMs = nowMs + probeEveryMs;
        changes.probe.push(node);
      }
      const before = peer.state;
      peer.state = this.#judge(peer, nowMs);
      if (before === 'alive' && peer.state !== 'alive') changes.suspected.push(node);
      if (before !== 'alive' && peer.state === 'alive') changes.recovered.push(node);
    }
    return changes;
  }

  #judge(peer: Peer, nowMs: number): Liveness {
    const { probeEveryMs, suspectAfterMs, deadAfterMs } = this.#times;
    const silentMs = nowMs - peer.lastAnswerMs;
    if (silentMs >= suspectAfterMs) {
      peer.answersSinceMs = undefined;
      if (peer.state === 'alive') this.#relapse(peer, nowMs);
      return silentMs >= deadAfterMs ? 'dead' : peer.state === 'dead' ? 'dead' : 'suspect';
    }
    if (peer.state === 'alive' || peer.answersSinceMs === undefined) return peer.state;
    const damped = Math.min(peer.relapses, RELAPSES_DAMPED_MAX) - 1;
    const holdMs = damped <= 0 ? 0 : probeEveryMs * 2 ** (damped - 1);
    return nowMs - peer.answersSinceMs >= holdMs ? 'alive' : 'suspect';
  }

  #relapse(peer: Peer, nowMs: number): void {
    const forgotten = nowMs - peer.suspectedAtMs > RELAPSE_FORGOTTEN_PROBES * this.#times.probeEveryMs;
    peer.relapses = forgotten ? 1 : peer.relapses + 1;
    peer.suspectedAtMs = nowMs;
  }
}
