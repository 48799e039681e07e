import { once } from 'node:events';
import { connect } from 'node:net';
import { createFrameReader, FRAME_BYTES_MAX } from '../../../services/node/adapters/tcp-bus/frames.js';
import type { Session } from '../../../services/node/adapters/tcp-bus/session.js';
import {
  createSession,
  NONCE_BYTES,
  openPreamble,
  sealPreamble,
} from '../../../services/node/adapters/tcp-bus/session.js';
import type { Content, Lane } from '../../../services/node/core/protocol/envelope.js';
import type { NodeId } from '../../../services/node/core/types.js';

/** A socket to a node's bus in other hands than a node's: sends any bytes, knows when the other side has had enough. */
export interface RawSocket {
  write(bytes: Uint8Array | string): void;
  /** Frames heard so far, without their lengths. */
  readonly frames: Uint8Array[];
  isClosed(): boolean;
  destroy(): void;
}

/** Rejects where nobody listens. */
export async function openRawSocket(port: number): Promise<RawSocket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let closed = false;
  const frames: Uint8Array[] = [];
  const feed = createFrameReader(FRAME_BYTES_MAX, (frame) => {
    frames.push(frame);
    return FRAME_BYTES_MAX;
  });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  socket.on('data', (data: Buffer) => feed(data));
  return {
    frames,
    write: (bytes) => {
      if (!closed) socket.write(bytes);
    },
    isClosed: () => closed,
    destroy: () => void socket.destroy(),
  };
}

export interface RawPeerOptions {
  readonly port: number;
  readonly self: NodeId;
  readonly receiver: NodeId;
  readonly clusterId: string;
  readonly lane: Lane;
  readonly secret?: Uint8Array;
}

/** Speaks the protocol of the dialling side, and may then misuse it. */
export interface RawPeer extends RawSocket {
  readonly session: Session;
  /** The next frame with this content, sealed but not sent. */
  seal(content: Content): Uint8Array;
}

const CONTENT_BYTES = 70_000;
const TURNS_MAX = 1_000_000;

/** Dials and greets; the hello is sent where `hello` is set. */
export async function openRawPeer(options: RawPeerOptions, hello = true): Promise<RawPeer> {
  const { self, receiver: peer, clusterId, lane, secret } = options;
  const socket = await openRawSocket(options.port);
  const diallerNonce = new Uint8Array(NONCE_BYTES).fill(7);
  for (let left = TURNS_MAX; left > 0 && !socket.frames[0] && !socket.isClosed(); left--) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const greeting = socket.frames[0] && openPreamble(socket.frames[0]);
  if (!greeting) throw new Error('the other side did not greet');
  const session = createSession({
    node: { self, clusterId: () => clusterId, incarnation: 1, epoch: () => 1, secret },
    admits: () => true,
    remote: { peer, lane },
    diallerNonce,
    acceptorNonce: greeting.nonce,
  });
  const seal = (content: Content): Uint8Array => session.seal({ peer, lane }, content, CONTENT_BYTES);
  socket.write(sealPreamble({ nonce: diallerNonce, authenticated: secret !== undefined }));
  if (hello) socket.write(seal(lane === 'large' ? { lane, chunks: [] } : { lane, messages: [] }));
  return { ...socket, session, seal };
}
