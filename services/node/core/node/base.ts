import { RequestNumbers } from '../coordinator/requestNumbers.js';
import type { DocumentPort } from '../membership/port.js';
import { type Held, Store } from '../membership/store.js';
import { VoteFile } from '../membership/voteFile.js';
import type { NodeOptions } from '../nodeOptions.js';
import { Outbox } from '../protocol/outbox.js';
import { documentPortOf } from './documentPort.js';

/** What the parts of a node share from its start on, in a cluster or not. */
export interface Base {
  readonly outbox: Outbox;
  readonly numbers: RequestNumbers;
  readonly file: VoteFile;
  readonly documentPort: DocumentPort;
  readonly store: Store;
}

/** `onHeld`: told of what the store holds, whenever that is asked for. */
export function createBase(options: NodeOptions, onHeld: (held: Held) => void): Base {
  const outbox = new Outbox();
  const numbers = new RequestNumbers(options.incarnation, options.spareActor);
  const documentPort = documentPortOf(outbox, () => numbers.next());
  const file = new VoteFile(options.vote, documentPort);
  return { outbox, numbers, documentPort, file, store: new Store(documentPort, onHeld) };
}
