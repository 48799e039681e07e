import { RequestNumbers } from '../coordinator/requestNumbers.js';
import type { DocumentPort } from '../membership/port.js';
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
}

export function createBase(options: NodeOptions): Base {
  const outbox = new Outbox();
  const numbers = new RequestNumbers(options.incarnation, options.spareActor);
  const documentPort = documentPortOf(outbox, () => numbers.next());
  return { outbox, numbers, documentPort, file: new VoteFile(options.vote, documentPort) };
}
