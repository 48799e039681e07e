import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Content, Lane } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import type { Rejection } from '../bus/reporter.js';
import type { BusContext } from './context.js';
import { createFrameReader, FRAME_BYTES_MAX } from './frames.js';
import type { Claims, Preamble, Remote, Session } from './session.js';
import { createSession, NONCE_BYTES, openPreamble, PREAMBLE_BYTES, sealPreamble } from './session.js';

/** One socket between two nodes, from the preamble to its end. Both sides send heartbeats and watch for silence. */

export type CloseCause = 'ended' | 'silent' | 'rejected' | 'replaced' | 'timeout' | 'closing';

export interface ConnectionHandlers {
  /** The other side has proved who it is. */
  onOpen(remote: Remote): void;
  /** Not empty; the bytes behind it are not touched again. */
  onContent(from: NodeId, content: Content): void;
  onDrain(): void;
  /** Called once, and nothing after it. */
  onClose(cause: CloseCause): void;
}

export interface Connection {
  /** Only between onOpen and onClose. */
  send(content: Content, contentBytes: number): void;
  backlogBytes(): number;
  /** Sends a heartbeat and judges silence. */
  tick(nowMs: number): void;
  /** Counts time from now on: this process itself was stopped, so that silence says nothing about the other side. */
  excuse(nowMs: number): void;
  /** Sends what was handed over, then closes. */
  end(): void;
  destroy(cause: CloseCause): void;
}

interface ConnectionState {
  readonly context: BusContext;
  readonly socket: Socket;
  readonly handlers: ConnectionHandlers;
  /** Present on the side that dialled. */
  readonly wanted: Remote | undefined;
  readonly ownNonce: Uint8Array;
  session: Session | undefined;
  remote: Remote | undefined;
  readonly startedMs: number;
  heardMs: number;
  closed: boolean;
}

/** Before a peer has proved who it is, its frames must be short. */
const HELLO_BYTES_MAX = 1024 + 64;

/** Takes over a socket; `wanted` says whom it was dialled for, undefined where it was accepted. */
export function openConnection(
  context: BusContext,
  socket: Socket,
  wanted: Remote | undefined,
  handlers: ConnectionHandlers,
): Connection {
  const ownNonce = randomBytes(NONCE_BYTES);
  const startedMs = context.nowMs();
  const state: ConnectionState = {
    ...{ context, socket, handlers, wanted, ownNonce, startedMs },
    heardMs: startedMs,
    session: undefined,
    remote: undefined,
    closed: false,
  };
  listen(state);
  if (wanted) socket.once('connect', () => greet(state));
  else greet(state);
  return {
    send: (content, contentBytes) => send(state, content, contentBytes),
    backlogBytes: () => socket.writableLength,
    tick: (nowMs) => tick(state, nowMs),
    excuse: (nowMs) => void (state.heardMs = nowMs),
    end: () => void socket.end(),
    destroy: (cause) => destroy(state, cause),
  };
}

function listen(state: ConnectionState): void {
  const { socket, context, handlers } = state;
  const feed = createFrameReader(PREAMBLE_BYTES, (frame) => onFrame(state, frame));
  socket.setNoDelay(true);
  socket.on('data', (data: Buffer) => {
    state.heardMs = context.nowMs();
    context.report.bytes('received', data.length);
    // The core is handed plain arrays: a Buffer's own slice and comparison behave differently.
    const sound = feed(new Uint8Array(data.buffer, data.byteOffset, data.length));
    if (!sound) reject(state, state.session ? 'overlong' : 'protocol');
  });
  socket.on('drain', () => {
    if (!state.closed) handlers.onDrain();
  });
  // An error is always followed by 'close'.
  socket.on('error', () => undefined);
  socket.on('close', () => destroy(state, 'ended'));
}

function greet(state: ConnectionState): void {
  const { socket, context, ownNonce } = state;
  // Dialling a free port of this machine may meet itself (simultaneous open): then nobody is there.
  if (
    state.wanted &&
    socket.localPort === socket.remotePort &&
    socket.localAddress === socket.remoteAddress
  ) {
    destroy(state, 'ended');
    return;
  }
  write(state, sealPreamble({ nonce: ownNonce, authenticated: context.node.secret !== undefined }));
}

/** Gives the bound of the next frame's length, 0 to stop reading. */
function onFrame(state: ConnectionState, frame: Uint8Array): number {
  if (state.closed) return 0;
  if (!state.session) {
    const preamble = openPreamble(frame);
    if (preamble) onPreamble(state, preamble);
    else reject(state, 'protocol');
  } else {
    onSealed(state, state.session, frame);
  }
  return nextBytesMax(state);
}

function nextBytesMax({ closed, remote }: ConnectionState): number {
  if (closed) return 0;
  return remote ? FRAME_BYTES_MAX : HELLO_BYTES_MAX;
}

function onPreamble(state: ConnectionState, { nonce, authenticated }: Preamble): void {
  const { context, wanted, ownNonce } = state;
  if (authenticated !== (context.node.secret !== undefined)) {
    reject(state, 'mac');
    return;
  }
  state.session = createSession({
    node: context.node,
    admits: context.admits,
    remote: wanted,
    diallerNonce: wanted ? ownNonce : nonce,
    acceptorNonce: wanted ? nonce : ownNonce,
  });
  if (wanted) sendTo(state, wanted, heartbeat(wanted.lane), 0);
}

function onSealed(state: ConnectionState, session: Session, frame: Uint8Array): void {
  const { report } = state.context;
  const opened = session.open(frame, () => report.reject('message', fields(state)));
  if (!opened.ok) {
    reject(state, opened.reason, opened.claims);
    return;
  }
  const { header, content } = opened.envelope;
  if (!state.remote) onHello(state, { peer: header.sender, lane: content.lane });
  if (!isEmpty(content)) state.handlers.onContent(header.sender, content);
}

function onHello(state: ConnectionState, remote: Remote): void {
  state.remote = remote;
  if (!state.wanted) sendTo(state, remote, heartbeat(remote.lane), 0);
  state.handlers.onOpen(remote);
}

function isEmpty(content: Content): boolean {
  return ('messages' in content ? content.messages : content.chunks).length === 0;
}

function heartbeat(lane: Lane): Content {
  return lane === 'large' ? { lane, chunks: [] } : { lane, messages: [] };
}

function send(state: ConnectionState, content: Content, contentBytes: number): void {
  if (state.remote) sendTo(state, state.remote, content, contentBytes);
}

function sendTo(state: ConnectionState, to: Remote, content: Content, contentBytes: number): void {
  if (state.session) write(state, state.session.seal(to, content, contentBytes));
}

function write(state: ConnectionState, frame: Uint8Array): void {
  if (state.closed) return;
  state.context.report.bytes('sent', frame.length);
  state.socket.write(frame);
}

function tick(state: ConnectionState, nowMs: number): void {
  const { tuning } = state.context;
  if (!state.remote) {
    if (!state.wanted && nowMs - state.startedMs >= tuning.helloMs) reject(state, 'no_hello');
  } else if (nowMs - state.heardMs >= tuning.silenceMs) {
    destroy(state, 'silent');
  } else if (!state.socket.writableEnded) {
    send(state, heartbeat(state.remote.lane), 0);
  }
}

function reject(state: ConnectionState, reason: Rejection, claims?: Claims): void {
  if (state.closed) return;
  const said = claims && { sender: claims.sender, clusterId: claims.clusterId };
  state.context.report.reject(reason, { ...fields(state), ...said });
  destroy(state, 'rejected');
}

function fields({ remote, wanted, socket }: ConnectionState) {
  return { peer: (remote ?? wanted)?.peer, address: socket.remoteAddress };
}

function destroy(state: ConnectionState, cause: CloseCause): void {
  if (state.closed) return;
  state.closed = true;
  state.socket.destroy();
  state.handlers.onClose(cause);
}
