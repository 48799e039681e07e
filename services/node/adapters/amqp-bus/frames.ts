import { randomBytes } from 'node:crypto';
import { ByteReader, ByteWriter, DecodeError } from '../../core/protocol/bytes.js';
import type { Content, Envelope, Lane } from '../../core/protocol/envelope.js';
import { decodeEnvelope, writeEnvelope } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import { mac, MAC_BYTES } from '../bus/authenticity.js';
import type { LocalNode } from '../bus/localNode.js';

/**
 * What one AMQP message between two nodes holds. Whoever wants to send says `hello` with a fresh nonce, its dial; the other
 * side answers `welcome` with a fresh nonce of its own, the tag; from then on the first sends `data` under that tag, and the
 * second `ack`s it. So nothing that was sent to an earlier life or connection of a node, or comes from one, or was recorded
 * and is sent again, is ever taken: its tag is unknown. Where there is a cluster secret, each frame ends in an HMAC: of a
 * hello under a key made of the secret alone, of all else under one made of the secret and both nonces. Neither needs
 * clocks, nor numbers that a wiped data directory would lose.
 */

export type FrameKind = 'hello' | 'welcome' | 'data' | 'ack';
export type Acknowledged = Readonly<Record<Lane, number>>;

/** A frame's head, which can be read before anything is known of its sender. */
export interface Frame {
  readonly kind: FrameKind;
  /** Whether it ends in an HMAC. */
  readonly authenticated: boolean;
  /** The sender's dial in a hello and a welcome, else the tag; as latin1 text. */
  readonly nonce: string;
  readonly bytes: Uint8Array;
}

export interface Sealing {
  readonly kind: FrameKind;
  readonly nonce: string;
  readonly to: NodeId;
  readonly key: Uint8Array | undefined;
  readonly counter: number;
}

const MAGIC = 0x52;
const VERSION = 1;
const NONCE_BYTES = 16;
const HEAD_BYTES = 4 + NONCE_BYTES;
const KIND_CODES: Readonly<Record<FrameKind, number>> = { hello: 1, welcome: 2, data: 3, ack: 4 };
const KINDS: readonly (FrameKind | undefined)[] = [undefined, 'hello', 'welcome', 'data', 'ack'];
/** Room for what stands around an envelope's content, as a rule. */
const AROUND_BYTES = 256;
const KEY_LABELS = { hello: Buffer.from('rondo amqp bus 1 hello'), session: Buffer.from('rondo amqp bus 1') };
const NOTHING: Content = { lane: 'fast', messages: [] };

export function freshNonce(): string {
  return randomBytes(NONCE_BYTES).toString('latin1');
}

export function helloKey(secret: Uint8Array | undefined): Uint8Array | undefined {
  return secret && mac(secret, KEY_LABELS.hello);
}

export function sessionKey(
  secret: Uint8Array | undefined,
  dial: string,
  tag: string,
): Uint8Array | undefined {
  return secret && mac(secret, Buffer.concat([KEY_LABELS.session, Buffer.from(dial + tag, 'latin1')]));
}

export function sealHello(node: LocalNode, to: NodeId, dial: string): Uint8Array {
  const sealing: Sealing = { kind: 'hello', nonce: dial, to, key: helloKey(node.secret), counter: 0 };
  return finish(node, begin(sealing, 0), sealing, NOTHING);
}

export function sealWelcome(node: LocalNode, to: NodeId, dial: string, tag: string): Uint8Array {
  const key = sessionKey(node.secret, dial, tag);
  const sealing: Sealing = { kind: 'welcome', nonce: dial, to, key, counter: 0 };
  return finish(node, begin(sealing, 0).raw(Buffer.from(tag, 'latin1')), sealing, NOTHING);
}

export function sealAck(node: LocalNode, sealing: Sealing, acknowledged: Acknowledged): Uint8Array {
  const { fast, large, bulk } = acknowledged;
  return finish(node, begin(sealing, 0).varint(fast).varint(large).varint(bulk), sealing, NOTHING);
}

/** `contentBytes` is the upper bound of the content's encoded length. */
export function sealData(
  node: LocalNode,
  sealing: Sealing,
  content: Content,
  contentBytes: number,
): Uint8Array {
  return finish(node, begin(sealing, contentBytes), sealing, content);
}

function begin({ kind, nonce, key }: Sealing, contentBytes: number): ByteWriter {
  const room = Buffer.allocUnsafe(AROUND_BYTES + contentBytes + MAC_BYTES);
  const out = new ByteWriter(room)
    .u8(MAGIC)
    .u8(VERSION)
    .u8(KIND_CODES[kind])
    .u8(key ? 1 : 0);
  return out.raw(Buffer.from(nonce, 'latin1'));
}

function finish(
  node: LocalNode,
  out: ByteWriter,
  { to, key, counter }: Sealing,
  content: Content,
): Uint8Array {
  const { self, incarnation } = node;
  const [clusterId, epoch] = [node.clusterId(), node.epoch()];
  writeEnvelope(out, { clusterId, epoch, sender: self, receiver: to, incarnation, counter }, content);
  if (key) out.raw(mac(key, out.bytes()));
  return out.bytes();
}

/** `undefined` where it comes from no node, or from one that speaks another version. */
export function readFrame(bytes: Uint8Array): Frame | undefined {
  const [magic, version, code, authenticated] = bytes;
  const kind = KINDS[code ?? 0];
  if (bytes.length < HEAD_BYTES || magic !== MAGIC || version !== VERSION || !kind) return undefined;
  const nonce = Buffer.from(bytes.buffer, bytes.byteOffset, HEAD_BYTES).toString(
    'latin1',
    HEAD_BYTES - NONCE_BYTES,
  );
  return { kind, authenticated: authenticated === 1, nonce, bytes };
}

/** The tag that a welcome brings: its key is made of it. */
export function tagOf({ bytes }: Frame): string {
  return Buffer.from(bytes.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES)).toString('latin1');
}

/*
 * What follows takes a frame without its code, and throws a {@link DecodeError} where it is malformed.
 */

export function openHello(body: Uint8Array): Envelope {
  return emptyEnvelope(body.subarray(HEAD_BYTES));
}

export function openWelcome(body: Uint8Array): Envelope {
  return emptyEnvelope(body.subarray(HEAD_BYTES + NONCE_BYTES));
}

/** A message that cannot be decoded is handed to `onDamaged` and left out. */
export function openData(body: Uint8Array, onDamaged?: () => void): Envelope {
  return decodeEnvelope(body.subarray(HEAD_BYTES), onDamaged);
}

export function openAck(body: Uint8Array): {
  readonly envelope: Envelope;
  readonly acknowledged: Acknowledged;
} {
  const input = new ByteReader(body, HEAD_BYTES);
  const acknowledged = { fast: input.varint(), large: input.varint(), bulk: input.varint() };
  return { envelope: emptyEnvelope(input.raw(input.remaining)), acknowledged };
}

function emptyEnvelope(bytes: Uint8Array): Envelope {
  const envelope = decodeEnvelope(bytes);
  const { content } = envelope;
  if ('messages' in content && content.messages.length === 0) return envelope;
  throw new DecodeError('this kind of frame carries nothing');
}
