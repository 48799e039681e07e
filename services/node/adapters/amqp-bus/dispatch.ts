import { DecodeError } from '../../core/protocol/bytes.js';
import type { Lane } from '../../core/protocol/envelope.js';
import { authenticate } from '../bus/authenticity.js';
import { misaddressed } from '../bus/localNode.js';
import type { BusContext } from './context.js';
import type { Frame } from './frames.js';
import { openAck, openWelcome, readFrame, sessionKey, tagOf } from './frames.js';
import type { LinksByNonce } from './link.js';
import type { Senders } from './senders.js';

/** Hands what was received to whom it is for: to the senders' half, or to the link that it answers. */
export function dispatch(
  context: BusContext,
  senders: Senders,
  links: LinksByNonce,
  lane: Lane,
  bytes: Uint8Array,
): void {
  const { report, node } = context;
  report.bytes('received', bytes.length);
  const frame = readFrame(bytes);
  if (!frame) {
    report.reject('protocol');
  } else if (frame.authenticated !== (node.secret !== undefined)) {
    report.reject('mac');
  } else {
    try {
      take(context, senders, links, lane, frame);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      report.reject('malformed');
    }
  }
}

function take(context: BusContext, senders: Senders, links: LinksByNonce, lane: Lane, frame: Frame): void {
  switch (frame.kind) {
    case 'hello':
      senders.onHello(frame);
      break;
    case 'data':
      senders.onData(lane, frame);
      break;
    case 'welcome':
      onWelcome(context, links, frame);
      break;
    case 'ack':
      onAck(context, links, frame);
      break;
  }
}

/** One that answers no hello of this moment is an old one: of no use, and no offence. */
function onWelcome({ node, report }: BusContext, links: LinksByNonce, frame: Frame): void {
  const found = links.get(frame.nonce);
  if (!found) return;
  const { peer, link } = found;
  const tag = tagOf(frame);
  const body = authenticate(frame.bytes, sessionKey(node.secret, frame.nonce, tag));
  const envelope = body && openWelcome(body);
  const reason = envelope ? misaddressed(node, envelope) : 'mac';
  if (reason) report.reject(reason, { peer, clusterId: envelope?.header.clusterId });
  else if (envelope?.header.sender === peer) link.onWelcome(tag);
  else report.reject('sender', { peer });
}

function onAck({ node, report }: BusContext, links: LinksByNonce, frame: Frame): void {
  const found = links.get(frame.nonce);
  if (!found) return;
  const { peer, link } = found;
  const body = authenticate(frame.bytes, link.key());
  if (!body) {
    report.reject('mac', { peer });
    return;
  }
  const { envelope, acknowledged } = openAck(body);
  const reason = misaddressed(node, envelope) ?? (envelope.header.sender === peer ? undefined : 'sender');
  if (reason) report.reject(reason, { peer });
  else link.onAck(envelope.header.counter, acknowledged);
}
