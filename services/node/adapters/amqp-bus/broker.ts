import type { Lane } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import type { Attachment, AttachmentHandlers, AttachmentOptions } from './attachment.js';
import { openAttachment } from './attachment.js';
import type { BusContext, Carrier } from './context.js';
import type { BrokerUrl } from './url.js';

/**
 * Keeps this node attached to a broker: tries one after the other, without end, with pauses that grow to a bound. While there
 * is none, or it takes nothing, everything comes back at once.
 */

export interface Broker extends Carrier {
  /** Ordered, for a bounded time. */
  close(): Promise<void>;
}

export interface BrokerOptions {
  /** Not empty. */
  readonly urls: readonly BrokerUrl[];
  readonly ca: Buffer | undefined;
  readonly exchange: string;
  readonly self: NodeId;
}

export interface BrokerHandlers extends Pick<AttachmentHandlers, 'onDelivery' | 'onReturn' | 'onRoom'> {
  onReady(): void;
  /** Away or blocked; what was on its way is lost. */
  onAway(): void;
}

interface BrokerState {
  readonly context: BusContext;
  readonly options: BrokerOptions;
  readonly handlers: BrokerHandlers;
  attachment: Attachment | undefined;
  blocked: boolean;
  /** Which URL is used or tried. */
  at: number;
  retryMs: number;
  retry: NodeJS.Timeout | undefined;
  readonly ending: AbortController;
}

const MIB = 1024 * 1024;
/** Beyond all windows of a usual number of peers; the broker drops the oldest then. */
const KEPT_BYTES: Readonly<Record<Lane, number>> = { fast: 64 * MIB, large: 128 * MIB, bulk: 64 * MIB };

export function openBroker(context: BusContext, options: BrokerOptions, handlers: BrokerHandlers): Broker {
  const state: BrokerState = {
    ...{ context, options, handlers, attachment: undefined, blocked: false, at: 0 },
    ...{ retryMs: context.tuning.brokerRetryMsMin, retry: undefined, ending: new AbortController() },
  };
  void attach(state);
  return {
    state: () => (!state.attachment ? 'away' : state.blocked ? 'blocked' : 'ready'),
    hasRoom: (lane) => state.attachment?.hasRoom(lane) ?? false,
    publish: (lane, to, frame) => {
      if (!state.attachment || state.blocked) return;
      context.report.bytes('sent', frame.length);
      state.attachment.publish(lane, to, frame);
    },
    close: () => close(state),
  };
}

function urlOf({ options, at }: BrokerState): BrokerUrl {
  const url = options.urls[at % options.urls.length];
  if (!url) throw new Error('a broker needs a URL');
  return url;
}

/** Never rejects. */
async function attach(state: BrokerState): Promise<void> {
  const { context, handlers } = state;
  const url = urlOf(state);
  try {
    const attachment = await openAttachment(attachmentOptions(state, url), {
      ...handlers,
      onBlocked: (blocked) => onBlocked(state, url, blocked),
      onClose: (why) => onClose(state, url, why),
    });
    if (state.ending.signal.aborted) {
      attachment.destroy();
      return;
    }
    state.attachment = attachment;
    state.retryMs = context.tuning.brokerRetryMsMin;
  } catch (error) {
    if (state.ending.signal.aborted) return;
    const why = error instanceof Error ? error.message : String(error);
    context.report.log('warn', 'the broker cannot be reached', { broker: url.shown, why });
    tryNext(state);
    return;
  }
  context.report.log('info', 'attached to the broker', { broker: url.shown });
  handlers.onReady();
}

function attachmentOptions({ context, options, ending }: BrokerState, url: BrokerUrl): AttachmentOptions {
  const { ca, exchange, self } = options;
  const { brokerMs, silenceMs } = context.tuning;
  const kept = { keptMs: silenceMs, keptBytes: KEPT_BYTES };
  return { url, ca, exchange, self, deadlineMs: brokerMs, ending: ending.signal, ...kept };
}

function onClose(state: BrokerState, url: BrokerUrl, why: string): void {
  const { report } = state.context;
  state.attachment = undefined;
  state.blocked = false;
  report.log('warn', 'the broker is lost: other nodes cannot be reached', { broker: url.shown, why });
  state.handlers.onAway();
  tryNext(state);
}

function onBlocked(state: BrokerState, url: BrokerUrl, blocked: boolean): void {
  const { report } = state.context;
  if (state.blocked === blocked) return;
  state.blocked = blocked;
  if (blocked) {
    report.log('error', 'the broker takes nothing: it has too little memory or disk left', {
      broker: url.shown,
    });
    state.handlers.onAway();
  } else {
    report.log('info', 'the broker takes messages again', { broker: url.shown });
    state.handlers.onReady();
  }
}

function tryNext(state: BrokerState): void {
  if (state.ending.signal.aborted) return;
  state.at++;
  state.retry = setTimeout(() => void attach(state), state.retryMs);
  state.retryMs = Math.min(state.context.tuning.brokerRetryMsMax, 2 * state.retryMs);
}

async function close(state: BrokerState): Promise<void> {
  state.ending.abort();
  clearTimeout(state.retry);
  const { attachment } = state;
  if (!attachment) return;
  const deadline = setTimeout(() => attachment.destroy(), state.context.tuning.flushMs);
  await attachment.close();
  clearTimeout(deadline);
}
