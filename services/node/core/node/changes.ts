import type { Membership } from '../membership/membership.js';
import { Rebuild } from '../membership/rebuild.js';
import { Removals } from '../membership/removals.js';
import type { Change, ProposalResult, Register } from '../membership/register.js';
import type { NodeOptions } from '../nodeOptions.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Repair } from '../repair/repair.js';
import type { Replica } from '../replica/replica.js';
import type { Ring } from '../ring/replicaSets.js';
import type { NodeId } from '../types.js';

/** The parts of a node that those need who have the document changed. */
interface Around {
  readonly outbox: Outbox;
  readonly register: Register;
  readonly membership: Membership;
  readonly replica: Replica;
  readonly repair: Repair;
}

type Propose = (change: Change, done: (result: ProposalResult) => void) => void;

const proposeTo =
  ({ register }: Around): Propose =>
  (change, done) => {
    register.propose(change, done);
  };

/** Keeps what the document says of this node true. */
export function createRebuild(
  options: NodeOptions,
  around: Around,
  { voter, ring }: { readonly voter: string; readonly ring: () => Ring },
): Rebuild {
  const { outbox, register, replica, repair } = around;
  return new Rebuild({
    self: options.self,
    outbox,
    port: {
      ring,
      document: () => register.document,
      directories: () => ({ actor: replica.actor, voter }),
      addresses: options,
      mayKeepActor: () => replica.hasNeverMinted,
      renounce: () => {
        replica.renounce();
      },
      hasDamage: () => repair.damagedKeys > 0,
      propose: proposeTo(around),
      hurry: () => {
        repair.hurry();
      },
    },
  });
}

/** Takes other nodes out of the document. */
export function createRemovals(self: NodeId, around: Around): Removals {
  const { outbox, register, membership } = around;
  return new Removals({
    ...{ self, outbox },
    document: () => register.document,
    livenessOf: (node) => membership.states().get(node),
    propose: proposeTo(around),
  });
}
