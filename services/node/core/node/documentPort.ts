import type { DocumentPort } from '../membership/port.js';
import type { RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';

/** What the machines of the cluster document want done goes out with everything else. */
export function documentPortOf(outbox: Outbox, nextNumber: () => RequestNumber): DocumentPort {
  return {
    get now() {
      return outbox.now;
    },
    nextNumber,
    send: (to, message, deadlineMs) => {
      outbox.send(to, message, deadlineMs);
    },
    sendBulk: (to, message, deadlineMs) => {
      outbox.sendBulk(to, message, deadlineMs);
    },
    connect: (node, busAddress) => {
      outbox.connect(node, busAddress);
    },
    keepVote: (vote) => {
      outbox.keepVote(vote);
    },
    keepDocument: (document) => {
      outbox.keepDocument(document);
    },
    readStore: () => {
      outbox.readStore();
    },
    swapStore: (index, text) => {
      outbox.swapStore(index, text);
    },
    keepCluster: (cluster) => {
      outbox.keepCluster(cluster);
    },
  };
}
