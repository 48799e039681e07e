import { ByteReader, ByteWriter, DecodeError } from '../../core/protocol/bytes.js';
import type { Content, Envelope, EnvelopeHeader, Lane } from '../../core/protocol/envelope.js';
import { decodeEnvelope, writeEnvelope } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import { authenticate, mac, MAC_BYTES } from '../bus/authenticity.js';
import type { LocalNode } from '../bus/localNode.js';
import { misaddressed } from '../bus/localNode.js';
import type { Rejection } from '../bus/reporter.js';
import { finishFrame, LENGTH_BYTES } from './frames.js';

/**
 * One connection's secrets and counters. Both sides first send a preamble with a fresh nonce, then an empty envelope
 * that says who they are. Where there is a cluster secret, every envelope carries an HMAC under a key made of the secret
 * and both nonces: what was recorded on one connection is worthless on any other, also after either side has restarted,
 * and a counter that must grow makes it worthless on its own. So a node whose data directory was made anew, and which
 * counts its incarnations from one again, is still let in.
 */

export const NONCE_BYTES = 16;
const MAGIC = new Uint8Array([0x52, 0x4e, 0x44, 0x4f]);
const PROTOCOL_VERSION = 2;
const KEY_LABEL = new TextEncoder().encode('rondo tcp bus 1');
/** Room for what stands in front of an envelope's content, as a rule. */
const HEADER_BYTES = 192;
export const PREAMBLE_BYTES = MAGIC.length + 2 + NONCE_BYTES;

export interface Preamble {
  readonly nonce: Uint8Array;
  readonly authenticated: boolean;
}

export interface Remote {
  readonly peer: NodeId;
  readonly lane: Lane;
}

export type Opened =
  | { readonly ok: true; readonly envelope: Envelope }
  /** `claims`: what the sender says of itself, where it was understood. */
  | { readonly ok: false; readonly reason: Rejection; readonly claims?: Claims };

export type Claims = Pick<EnvelopeHeader, 'sender' | 'clusterId'>;

export interface Session {
  /** A whole frame; `contentBytes` is the upper bound of the content's encoded length. */
  seal(to: Remote, content: Content, contentBytes: number): Uint8Array;
  /** Checks a received frame: authenticity, then addresses, then that it is newer than the last. */
  open(frame: Uint8Array, onDamaged: () => void): Opened;
}

interface SessionState {
  readonly node: LocalNode;
  readonly key: Uint8Array | undefined;
  readonly admits: (id: NodeId) => boolean;
  remote: Remote | undefined;
  remoteIncarnation: number | undefined;
  sent: number;
  received: number;
}

export interface SessionOptions {
  readonly node: LocalNode;
  readonly admits: (id: NodeId) => boolean;
  /** Whom the dialling side wants to speak to; the accepting side learns it from the first envelope. */
  readonly remote: Remote | undefined;
  readonly diallerNonce: Uint8Array;
  readonly acceptorNonce: Uint8Array;
}

/** A whole frame. */
export function sealPreamble({ nonce, authenticated }: Preamble): Uint8Array {
  const out = new ByteWriter(LENGTH_BYTES + PREAMBLE_BYTES);
  out.u32(0).raw(MAGIC).u8(PROTOCOL_VERSION);
  out.u8(authenticated ? 1 : 0).raw(nonce);
  return finishFrame(out, undefined);
}

export function openPreamble(frame: Uint8Array): Preamble | undefined {
  if (frame.length !== PREAMBLE_BYTES) return undefined;
  const input = new ByteReader(frame);
  if (!MAGIC.every((byte) => byte === input.u8()) || input.u8() !== PROTOCOL_VERSION) return undefined;
  const flag = input.u8();
  return flag > 1 ? undefined : { authenticated: flag === 1, nonce: input.raw(NONCE_BYTES) };
}

export function createSession(options: SessionOptions): Session {
  const { node, admits, remote } = options;
  const state: SessionState = {
    node,
    key: node.secret && sessionKey(node.secret, options),
    admits,
    remote,
    remoteIncarnation: undefined,
    sent: 0,
    received: 0,
  };
  return {
    seal: (to, content, contentBytes) => seal(state, to, content, contentBytes),
    open: (frame, onDamaged) => open(state, frame, onDamaged),
  };
}

function sessionKey(secret: Uint8Array, { diallerNonce, acceptorNonce }: SessionOptions): Uint8Array {
  const out = new ByteWriter();
  return mac(secret, out.raw(KEY_LABEL).raw(diallerNonce).raw(acceptorNonce).bytes());
}

function seal(state: SessionState, to: Remote, content: Content, contentBytes: number): Uint8Array {
  const { self, incarnation, epoch } = state.node;
  const clusterId = state.node.clusterId();
  // Where names are longer than that the writer grows; small frames share one allocation.
  const room = LENGTH_BYTES + HEADER_BYTES + contentBytes + MAC_BYTES;
  const out = new ByteWriter(Buffer.allocUnsafe(room)).u32(0);
  const [sender, receiver, counter] = [self, to.peer, ++state.sent];
  const header = { clusterId, epoch: epoch(), sender, receiver, incarnation, counter };
  writeEnvelope(out, header, content);
  return finishFrame(out, state.key);
}

function open(state: SessionState, frame: Uint8Array, onDamaged: () => void): Opened {
  const body = authenticate(frame, state.key);
  if (!body) return { ok: false, reason: 'mac' };
  try {
    const envelope = decodeEnvelope(body, onDamaged);
    const { header } = envelope;
    const reason = misaddressed(state.node, envelope) ?? misspoken(state, envelope) ?? stale(state, header);
    return reason ? { ok: false, reason, claims: header } : { ok: true, envelope };
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, reason: 'malformed' };
    throw error;
  }
}

/** An envelope of somebody who may not speak here, or not on this connection. */
function misspoken(state: SessionState, { header, content }: Envelope): Rejection | undefined {
  if (!state.remote) {
    if (!state.admits(header.sender)) return 'sender';
    state.remote = { peer: header.sender, lane: content.lane };
  }
  const { peer, lane } = state.remote;
  return header.sender === peer && content.lane === lane ? undefined : 'sender';
}

function stale(state: SessionState, header: EnvelopeHeader): Rejection | undefined {
  state.remoteIncarnation ??= header.incarnation;
  if (header.incarnation !== state.remoteIncarnation) return 'replay';
  if (header.counter <= state.received) return 'replay';
  state.received = header.counter;
  return undefined;
}
