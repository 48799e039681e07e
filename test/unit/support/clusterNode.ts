import { createHash } from 'node:crypto';
import type { Actor, ClusterNode, NodeId } from '../../../services/node/core/types.js';

/** A node of a document; its actor and voter follow from its id. */
export function clusterNode(id: string, fields: Partial<ClusterNode> = {}): ClusterNode {
  return {
    id: id as NodeId,
    actor: nameOf('actor', id) as Actor,
    voter: nameOf('voter', id),
    state: 'complete',
    busAddress: '',
    httpAddress: '',
    weight: 1,
    zone: '',
    ...fields,
  };
}

/** 16 hex characters. */
export function nameOf(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}
