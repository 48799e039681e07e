import { randomBytes } from 'node:crypto';
import { type Channel, type ChannelModel, connect, type ConsumeMessage, type Message } from 'amqplib';
import type { Lane } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import { LANES } from './context.js';
import type { BrokerUrl } from './url.js';

/**
 * One life of this node at a broker: a connection to publish on and one to consume on, so that a broker that takes nothing
 * more still delivers; on each a channel for every lane, so that a large frame never stands in front of a small one; a queue
 * for every lane. Whatever of it ends, all of it ends, and is made anew under other names: a queue that the broker still
 * keeps for a lost connection is locked (405).
 */

export interface Attachment {
  publish(lane: Lane, to: NodeId, frame: Uint8Array): void;
  hasRoom(lane: Lane): boolean;
  /** Ordered: resolves when the broker has taken what was published and deleted the queues. */
  close(): Promise<void>;
  /** At once; nothing is called any more. */
  destroy(): void;
}

export interface AttachmentOptions {
  readonly url: BrokerUrl;
  readonly ca: Buffer | undefined;
  readonly exchange: string;
  readonly self: NodeId;
  readonly deadlineMs: number;
  /** Ends the attempt. */
  readonly ending: AbortSignal;
  /** For how long, and in how many bytes, the broker keeps what this node does not take. */
  readonly keptMs: number;
  readonly keptBytes: Readonly<Record<Lane, number>>;
}

export interface AttachmentHandlers {
  onDelivery(lane: Lane, frame: Uint8Array): void;
  /** There is no queue for it. */
  onReturn(frame: Uint8Array): void;
  onRoom(): void;
  onBlocked(blocked: boolean): void;
  /** Called once, and nothing after it. */
  onClose(why: string): void;
}

const HEARTBEAT_S = 10;
/** Frames that may wait in a channel, beside what the socket holds. */
const CHANNEL_FRAMES_MAX = 128;
const PUBLISH = { mandatory: true, persistent: false };
const SUFFIX_BYTES = 6;
/** Strangers may have any number of names. */
const KEYS_MAX = 4096;

interface State {
  readonly options: AttachmentOptions;
  readonly handlers: AttachmentHandlers;
  readonly abort: AbortController;
  readonly full: Set<Lane>;
  /** Routing keys are made once for each destination. */
  readonly keys: Map<NodeId, Readonly<Record<Lane, string>>>;
  phase: 'opening' | 'open' | 'closing' | 'closed';
  blocked: boolean;
  why: string;
}

interface Opened {
  readonly publisher: ChannelModel;
  readonly consumer: ChannelModel;
  readonly publishing: Readonly<Record<Lane, Channel>>;
}

/** Resolves when every queue is bound and consumed; rejects where the broker cannot be had within the deadline. */
export async function openAttachment(
  options: AttachmentOptions,
  handlers: AttachmentHandlers,
): Promise<Attachment> {
  const abort = new AbortController();
  const state: State = {
    ...{
      options,
      handlers,
      abort,
      full: new Set(),
      keys: new Map(),
      phase: 'opening',
      blocked: false,
      why: '',
    },
  };
  const late = `no answer within ${String(options.deadlineMs)} ms`;
  const deadline = setTimeout(() => ended(state, late), options.deadlineMs);
  const stop = (): void => ended(state, 'the bus is closed');
  options.ending.addEventListener('abort', stop);
  try {
    const opened = await open(state);
    if (state.phase !== 'opening') throw new Error(state.why);
    state.phase = 'open';
    return attachmentOf(state, opened);
  } catch (error) {
    const why = state.why || (error instanceof Error ? error.message : String(error));
    destroy(state);
    throw new Error(why, { cause: error });
  } finally {
    clearTimeout(deadline);
    options.ending.removeEventListener('abort', stop);
  }
}

function attachmentOf(state: State, opened: Opened): Attachment {
  return {
    publish: (lane, to, frame) => publish(state, opened, lane, to, frame),
    hasRoom: (lane) => !state.full.has(lane),
    close: () => close(state, opened),
    destroy: () => destroy(state),
  };
}

async function open(state: State): Promise<Opened> {
  const [publisher, consumer] = await Promise.all([openConnection(state), openConnection(state)]);
  publisher.on('blocked', () => onBlocked(state, true));
  publisher.on('unblocked', () => onBlocked(state, false));
  const publishing = {
    fast: await openPublishing(state, publisher, 'fast'),
    large: await openPublishing(state, publisher, 'large'),
    bulk: await openPublishing(state, publisher, 'bulk'),
  };
  await publishing.fast.assertExchange(state.options.exchange, 'direct', { durable: false });
  const queues = await Promise.all(LANES.map((lane) => openQueue(state, consumer, lane)));
  // Consumed before they are bound, so that nothing has to wait in one; the one that takes hellos is bound last.
  for (const queue of queues.reverse()) await queue.bind();
  return { publisher, consumer, publishing };
}

async function openConnection(state: State): Promise<ChannelModel> {
  const { url, ca } = state.options;
  const { protocol, hostname, port, username, password, vhost } = url;
  const model = await connect(
    { protocol, hostname, port, username, password, vhost, heartbeat: HEARTBEAT_S },
    socketOptions(state, ca),
  );
  watch(state, model);
  return model;
}

/** The signal destroys the socket; the library has no way to do that. */
function socketOptions({ abort, options }: State, ca: Buffer | undefined) {
  const clientProperties = { connection_name: `rondo ${options.self}` };
  return { noDelay: true, signal: abort.signal, clientProperties, ...(ca && { ca }) };
}

/** An error is always followed by `close`. A bug in a handler ends the process, as it would anywhere else. */
function watch(state: State, emitter: ChannelModel | Channel): void {
  emitter.on('error', (error: Error) => void (state.why ||= error.message));
  emitter.on('close', () => ended(state, 'the connection was closed'));
  emitter.on('handler-error', (error: Error) => {
    throw error;
  });
}

async function openPublishing(state: State, model: ChannelModel, lane: Lane): Promise<Channel> {
  const channel = await model.createChannel({ highWaterMark: CHANNEL_FRAMES_MAX });
  watch(state, channel);
  channel.on('return', ({ content }: Message) => {
    if (state.phase === 'open') state.handlers.onReturn(plain(content));
  });
  channel.on('drain', () => {
    if (state.full.delete(lane) && state.phase === 'open') state.handlers.onRoom();
  });
  return channel;
}

async function openQueue(
  state: State,
  model: ChannelModel,
  lane: Lane,
): Promise<{ bind(): Promise<unknown> }> {
  const { exchange, self, keptMs, keptBytes } = state.options;
  const name = `${exchange}.${self}.${lane}.${randomBytes(SUFFIX_BYTES).toString('hex')}`;
  const channel = await model.createChannel();
  watch(state, channel);
  await channel.assertQueue(name, {
    ...{ exclusive: true, autoDelete: true, durable: false, messageTtl: keptMs },
    arguments: { 'x-max-length-bytes': keptBytes[lane], 'x-overflow': 'drop-head' },
  });
  await channel.consume(name, (message) => onDelivery(state, lane, message), { noAck: true });
  return { bind: () => channel.bindQueue(name, exchange, `${self}.${lane}`) };
}

function onDelivery(state: State, lane: Lane, message: ConsumeMessage | null): void {
  if (message === null) ended(state, 'the broker has deleted a queue');
  else if (isLive(state)) state.handlers.onDelivery(lane, plain(message.content));
}

/** Also while it closes: what others acknowledge lets the rest out. */
function isLive({ phase }: State): boolean {
  return phase === 'open' || phase === 'closing';
}

/** The core is handed plain arrays: a Buffer's own slice and comparison behave differently. */
function plain(content: Buffer): Uint8Array {
  return new Uint8Array(content.buffer, content.byteOffset, content.length);
}

function onBlocked(state: State, blocked: boolean): void {
  state.blocked = blocked;
  if (state.phase === 'open') state.handlers.onBlocked(blocked);
}

function publish(state: State, { publishing }: Opened, lane: Lane, to: NodeId, frame: Uint8Array): void {
  if (state.phase !== 'open') return;
  const content = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const { exchange } = state.options;
  if (!publishing[lane].publish(exchange, keysOf(state, to)[lane], content, PUBLISH)) state.full.add(lane);
}

function keysOf({ keys }: State, to: NodeId): Readonly<Record<Lane, string>> {
  const known = keys.get(to);
  if (known) return known;
  if (keys.size >= KEYS_MAX) keys.clear();
  const made = { fast: `${to}.fast`, large: `${to}.large`, bulk: `${to}.bulk` };
  keys.set(to, made);
  return made;
}

async function close(state: State, opened: Opened): Promise<void> {
  if (state.phase !== 'open') return;
  state.phase = 'closing';
  const { signal } = state.abort;
  const destroyed = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  // Of a connection that is lost the library says no more.
  await Promise.race([closeInOrder(state, opened), destroyed]);
  destroy(state);
}

async function closeInOrder({ blocked }: State, { publisher, consumer, publishing }: Opened): Promise<void> {
  try {
    // A channel is closed behind everything that was published on it.
    if (!blocked) await Promise.all(LANES.map((lane) => publishing[lane].close()));
    await Promise.all([publisher.close(), consumer.close()]);
  } catch {
    // The broker was quicker, or is gone: there is nothing left to close.
  }
}

function destroy(state: State): void {
  state.phase = 'closed';
  state.abort.abort();
}

function ended(state: State, why: string): void {
  const { phase } = state;
  if (phase === 'closing' || phase === 'closed') return;
  state.why ||= why;
  destroy(state);
  if (phase === 'open') state.handlers.onClose(state.why);
}
