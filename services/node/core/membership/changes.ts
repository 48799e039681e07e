import { assert } from '../assert.js';
import { clockwiseOrders } from '../ring/clockwise.js';
import { at, indexesById } from '../ring/elements.js';
import type { Actor, ClusterDocument, ClusterNode, NodeId, Placement } from '../types.js';

/**
 * What may be done to a cluster document, one function for each change. Each gives the next document, or undefined where
 * it has nothing to change, also where it was made already: a change that is proposed again does nothing twice (R7).
 */

/** A node's data directory and vote file as it found them at its start. */
export interface Directories {
  readonly actor: Actor;
  readonly voter: string;
}

/**
 * The node goes on with these directories. With another actor it has lost its data: it is rebuilt, and requests that were
 * made while the old directory counted are refused (I4, R9, R10).
 */
export function rebuildBegun(
  document: ClusterDocument,
  node: NodeId,
  { actor, voter }: Directories,
): ClusterDocument | undefined {
  const index = indexOf(document, node);
  const known = document.nodes[index];
  if (!known) return undefined;
  if (known.actor === actor) return voterReplaced(document, node, voter);
  const others = document.nodes.filter(({ id }) => id !== node);
  if (others.some((other) => other.actor === actor || other.voter === voter)) return undefined;
  return {
    ...withNode(document, { ...known, actor, voter, state: 'rebuilding' }),
    placement: sinceNow(document, ({ now }) => now.includes(index)),
  };
}

/** Only the file of its votes was lost: it votes again once the document lists the new one (R7). */
export function voterReplaced(
  document: ClusterDocument,
  node: NodeId,
  voter: string,
): ClusterDocument | undefined {
  const known = document.nodes[indexOf(document, node)];
  if (!known || document.nodes.some((other) => other.voter === voter)) return undefined;
  return withNode(document, { ...known, voter });
}

/** The node holds everything again; says nothing of a directory that it has lost since (R10). */
export function rebuildFinished(
  document: ClusterDocument,
  node: NodeId,
  actor: Actor,
): ClusterDocument | undefined {
  const known = document.nodes[indexOf(document, node)];
  if (known?.state !== 'rebuilding' || known.actor !== actor) return undefined;
  return withNode(document, { ...known, state: 'complete' });
}

/**
 * Takes the node out of every set. Its tokens go to the next member of the set, and where there is none, to the next node
 * clockwise. Sets stay small until a ring change refills them, since moving data is not for a removal to decide.
 */
export function nodeRemoved(document: ClusterDocument, node: NodeId): ClusterDocument | undefined {
  const removed = indexOf(document, node);
  if (removed < 0 || document.nodes.length === 1) return undefined;
  const renumbered = (index: number): number => (index > removed ? index - 1 : index);
  const orders = clockwiseOrders(document.tokens, indexesById(document.nodes.map(({ id }) => id)));
  const { epoch } = next(document);
  const placement = document.placement.map(({ now, since }, partition): Placement => {
    if (!now.includes(removed)) return { now: now.map(renumbered), since };
    const left = now.filter((index) => index !== removed);
    const set =
      left.length > 0
        ? left
        : at(orders, partition)
            .filter((index) => index !== removed)
            .slice(0, 1);
    return { now: set.map(renumbered), since: epoch };
  });
  return {
    ...next(document),
    nodes: document.nodes.filter(({ id }) => id !== node),
    tokens: placement.map(({ now }) => at(now, 0)),
    placement,
  };
}

/** The node is found elsewhere; what it holds stays as it is. */
export function readdressed(
  document: ClusterDocument,
  node: NodeId,
  { busAddress, httpAddress }: Pick<ClusterNode, 'busAddress' | 'httpAddress'>,
): ClusterDocument | undefined {
  const known = document.nodes[indexOf(document, node)];
  if (!known || (known.busAddress === busAddress && known.httpAddress === httpAddress)) return undefined;
  return withNode(document, { ...known, busAddress, httpAddress });
}

function next(document: ClusterDocument): ClusterDocument {
  assert(Number.isSafeInteger(document.epoch + 1), 'epochs stay whole');
  return { ...document, epoch: document.epoch + 1 };
}

function indexOf(document: ClusterDocument, node: NodeId): number {
  return document.nodes.findIndex(({ id }) => id === node);
}

function withNode(document: ClusterDocument, changed: ClusterNode): ClusterDocument {
  return {
    ...next(document),
    nodes: document.nodes.map((node) => (node.id === changed.id ? changed : node)),
  };
}

function sinceNow(document: ClusterDocument, isChanged: (placement: Placement) => boolean): Placement[] {
  const { epoch } = next(document);
  return document.placement.map((placement) =>
    isChanged(placement) ? { ...placement, since: epoch } : placement,
  );
}
