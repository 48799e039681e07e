import type { ListedKey } from '../protocol/messages.js';
import { rangeOf } from '../ring/position.js';
import type { Key, NodeId, Partition, RecordHash, VersionedRecord } from '../types.js';
import { hashRecord } from '../versioning/recordHash.js';
import type { Asks } from './asks.js';
import type { HashTrees } from './hashTrees.js';
import { inTurns } from './inTurns.js';
import type { PullWindow } from './pullWindow.js';
import type { Scans } from './scans.js';

/** Neighbouring leaves of a partition, `last` included. */
export interface Span {
  readonly partition: Partition;
  readonly first: number;
  readonly last: number;
}

/** What the comparison with one peer works with. */
export interface ExchangeParts {
  readonly peer: NodeId;
  readonly partitionCount: number;
  /** Of the document. */
  readonly epoch: () => number;
  readonly timeoutMs: number;
  /** No message lives longer (R13). */
  readonly messageMsMax: number;
  /** Between the two comparisons. */
  readonly settleMs: number;
  readonly takesExpired: boolean;
  readonly trees: HashTrees;
  readonly scans: Scans;
  readonly asks: Asks;
  readonly pulls: PullWindow;
  readonly merge: (key: Key, record: VersionedRecord, done: (kept: boolean) => void) => void;
}

type Done = (ok: boolean) => void;
/** Returns whether to go on. */
type Pulled = (kept: boolean) => boolean;

const PULLS_AT_ONCE = 64;
/** A pull has a second more for each of these. */
const BYTES_PER_SECOND_MIN = 1024 * 1024;

/**
 * Lists what the peer has in a span, and pulls every key of which this node has another record, or none. An expired
 * tombstone is not pulled where nothing is held: it is about to be reaped, or was, and would come back for ever (R13). A
 * node that is being rebuilt takes it all the same, since an older value may still be handed to it.
 *
 * `pulled` is told of every key that the peer answered for, and whether it is kept now; one that is not stops no other.
 */
export function repairSpan(span: Span, parts: ExchangeParts, pulled: Pulled, done: Done): void {
  const { partition, first, last } = span;
  const own = new Map<Key, RecordHash>();
  // Pulled and mended by other means, or not at all: here they would differ at every comparison (I12).
  const damagedHere = new Set<Key>();
  let same = 0;
  let listed = 0;
  const list = (after: Key | undefined): void => {
    const from = after === undefined ? {} : { after };
    const ask = { partition, first, last, ...from };
    parts.asks.ask(
      parts.peer,
      (request) => ({ type: 'list', request, ...ask }),
      parts.timeoutMs,
      (reply) => {
        const page = reply?.type === 'listed' ? reply.page : undefined;
        if (!page) done(false);
        else onPage(page.entries, page.more ? page.entries.at(-1)?.key : undefined);
      },
    );
  };
  const onPage = (entries: readonly ListedKey[], after: Key | undefined): void => {
    const sound = entries.filter(({ key }) => !damagedHere.has(key));
    const wanted = sound.filter((entry) => isWanted(entry, own.get(entry.key), parts.takesExpired));
    listed += entries.length;
    same += entries.filter(({ key, hash }) => own.get(key) === hash).length;
    inTurns(
      wanted,
      PULLS_AT_ONCE,
      (entry, ended) => {
        pull(entry, parts, pulled, ended);
      },
      (ok) => {
        if (!ok) done(false);
        else if (after !== undefined) list(after);
        else finish();
      },
    );
  };
  const finish = (): void => {
    // Nothing differs but the leaves: one of the two trees is wrong, and both nodes find that out.
    if (same === listed && same === own.size) parts.trees.giveUp(partition);
    done(true);
  };
  parts.scans.start(rangeOf(partition, parts.partitionCount, span), {
    page: ({ entries, damaged }) => {
      for (const { key, record } of entries) own.set(key, hashRecord(key, record));
      for (const key of damaged) damagedHere.add(key);
    },
    ended: (how) => {
      if (how === 'whole') list(undefined);
      else done(false);
    },
  });
}

function isWanted(
  { hash, isExpired }: ListedKey,
  held: RecordHash | undefined,
  takesExpired: boolean,
): boolean {
  return held !== hash && (held !== undefined || !isExpired || takesExpired);
}

function pull(entry: ListedKey, parts: ExchangeParts, pulled: Pulled, done: Done): void {
  const { key, bytes } = entry;
  const { pulls, asks, peer, merge } = parts;
  const lifeMs = parts.timeoutMs + Math.floor((1000 * bytes) / BYTES_PER_SECOND_MIN);
  const timeoutMs = Math.min(lifeMs, parts.messageMsMax);
  const ended = (ok: boolean): void => {
    pulls.leave(bytes);
    done(ok);
  };
  pulls.enter(bytes, () => {
    asks.ask(
      peer,
      (request) => ({ type: 'pull', request, key }),
      timeoutMs,
      (reply) => {
        const answer = reply?.type === 'pulled' ? reply.answer : undefined;
        if (!answer) ended(false);
        else if (answer.status === 'missing') ended(true);
        else if (answer.status !== 'found') ended(pulled(false));
        else {
          merge(key, answer.record, (kept) => {
            ended(pulled(kept));
          });
        }
      },
    );
  });
}
