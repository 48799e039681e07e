import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { encodeEnvelope } from '../../../services/node/core/protocol/envelope.js';
import type { Content, Lane } from '../../../services/node/core/protocol/envelope.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { seededRandom, type Random } from '../../support/random.js';
import { contentOfLane } from '../generators/envelopes.js';
import { mutate, pick, randomBytes } from '../generators/mutations.js';
import { partSeed } from '../seeds.js';
import { openRawPeer, openRawSocket, type RawSocket } from './rawPeer.js';

/**
 * Frames to the bus port of a real node, from somebody who may have greeted, said hello in the name of an absent node, or
 * neither. Most are damaged; some are sound and carry messages that no node would send.
 */
export interface WireOptions {
  readonly seed: number;
  readonly frames: number;
  readonly ports: readonly number[];
  /** Ids of the nodes behind the ports. */
  readonly receivers: readonly string[];
  /** In whose name frames are sent. */
  readonly self: string;
  readonly clusterId: string;
  readonly isOver: () => boolean;
  readonly onProgress: (counts: WireCounts) => void;
}

export interface WireCounts {
  frames: number;
  connections: number;
  /** Connections that the node had enough of. */
  closedByNode: number;
}

const CONNECTIONS = 16;
const FRAMES_PER_CONNECTION_MAX = 20;
/** For a node that wants to close the connection to do so before this side does. */
const LINGER_MS = 5;
const BATCH = 100;

/** Who speaks: nobody in particular, one who has greeted, or a node that has said hello. */
type Stage = 'stranger' | 'greeted' | 'peer';
const LANES: readonly Lane[] = ['fast', 'fast', 'large', 'bulk'];
const STAGES: readonly Stage[] = ['stranger', 'greeted', 'peer', 'peer', 'peer', 'peer'];

/** Rejects where a node cannot be reached any more. */
export async function fuzzWire(options: WireOptions): Promise<WireCounts> {
  const counts: WireCounts = { frames: 0, connections: 0, closedByNode: 0 };
  const talkers = Array.from({ length: CONNECTIONS }, async (_, index) => {
    const random = seededRandom(partSeed(options.seed, index));
    const source = createSource(partSeed(options.seed, index));
    while (counts.frames < options.frames && !options.isOver()) {
      await talk(options, counts, random, source);
      options.onProgress(counts);
    }
  });
  await Promise.all(talkers);
  return counts;
}

/** Sound contents of each lane without end. */
type Source = (lane: Lane) => Content;

function createSource(seed: number): Source {
  let batch = 0;
  const ready: Record<Lane, Content[]> = { fast: [], large: [], bulk: [] };
  return (lane) => {
    if (ready[lane].length === 0) {
      const seedOfBatch = partSeed(seed, batch++) | 0;
      ready[lane].push(...fc.sample(contentOfLane[lane], { seed: seedOfBatch, numRuns: BATCH }));
    }
    const next = ready[lane].pop();
    if (!next) throw new Error('no content was made');
    return next;
  };
}

/** One connection. */
async function talk(options: WireOptions, counts: WireCounts, random: Random, source: Source): Promise<void> {
  const lane = pick(LANES, random);
  const stage = pick(STAGES, random);
  counts.connections++;
  const { socket, seal } = await open(options, lane, stage, random.below(options.ports.length));
  try {
    for (let left = 1 + random.below(FRAMES_PER_CONNECTION_MAX); left > 0 && !socket.isClosed(); left--) {
      const frame = seal(source(lane));
      socket.write(stage === 'peer' && random.below(3) === 0 ? frame : damagedFrame(frame, random));
      counts.frames++;
      if (random.below(4) === 0) await sleep(1);
    }
    await sleep(LINGER_MS);
    if (socket.isClosed()) counts.closedByNode++;
  } finally {
    socket.destroy();
  }
}

interface Talker {
  readonly socket: RawSocket;
  readonly seal: (content: Content) => Uint8Array;
}

async function open(options: WireOptions, lane: Lane, stage: Stage, at: number): Promise<Talker> {
  const { ports, receivers, self, clusterId } = options;
  const port = ports[at] ?? 0;
  const names = { self: self as NodeId, receiver: (receivers[at] ?? '') as NodeId };
  if (stage !== 'stranger') {
    const peer = await openRawPeer({ port, ...names, clusterId, lane }, stage === 'peer');
    return { socket: peer, seal: (content) => peer.seal(content) };
  }
  const header = {
    clusterId,
    epoch: 1,
    sender: names.self,
    receiver: names.receiver,
    incarnation: 1,
    counter: 1,
  };
  return {
    socket: await openRawSocket(port),
    seal: (content) => framed(encodeEnvelope({ header, content })),
  };
}

const LENGTH_BYTES = 4;

/** Its body damaged and its length right, or all of it damaged, or something else. */
function damagedFrame(frame: Uint8Array, random: Random): Uint8Array {
  const body = frame.subarray(LENGTH_BYTES);
  switch (random.below(8)) {
    case 0:
      return mutate(frame, frame, random);
    case 1:
      return framed(randomBytes(random, 1 + random.below(300)));
    default:
      return framed(mutate(body, body, random));
  }
}

function framed(body: Uint8Array): Uint8Array {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}
