import type { Actor, ClusterDocument, ClusterNode } from '../types.js';
import { planRing } from './planner.js';
import { isPartitionCount, PARTITIONS_MAX, PARTITIONS_MIN } from './position.js';

/**
 * Making the first cluster document, and checking one that comes from a disk or from another node. Everything that
 * looks things up in a document relies on what is checked here.
 */
export interface Founding {
  readonly clusterId: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly nodes: readonly ClusterNode[];
}

/** So that shares stay exact in doubles. */
const WEIGHT_MAX = 1_000_000;
const FAULTS_LISTED_MAX = 20;
/** As long as the codecs take, and of characters that they can write. */
const ACTOR = /^[\x20-\xff]{1,32}$/;
const VOTER = /^[0-9a-f]{16}$/;
const STATES: readonly unknown[] = ['complete', 'rebuilding'] satisfies ClusterNode['state'][];
const FOUNDING_EPOCH = 1;

/** Document 1 of a cluster. Throws an Error that lists all faults of the input. */
export function foundDocument(founding: Founding): ClusterDocument {
  const { clusterId, partitions, replicas, nodes } = founding;
  refuse(foundingFaults({ ...founding }));
  const { tokens, placement: planned } = planRing(founding);
  const placement = planned.map(({ now }) => ({ now, since: FOUNDING_EPOCH }));
  return { epoch: FOUNDING_EPOCH, clusterId, partitions, replicas, nodes, tokens, placement };
}

/** The value as a cluster document, fields that it does not know left out. Throws an Error that lists all faults. */
export function validateDocument(value: unknown): ClusterDocument {
  if (!isObject(value)) throw new Error('invalid cluster document: it is not an object');
  const faults = [...epochFaults(value), ...foundingFaults(value)];
  // Indexes mean nothing while the lists that they point into are wrong.
  refuse(faults.length > 0 ? faults : ringFaults(value));
  const { epoch, clusterId, partitions, replicas, nodes, tokens, placement } =
    value as unknown as ClusterDocument;
  return {
    epoch,
    clusterId,
    partitions,
    replicas,
    nodes: nodes.map(knownFields),
    tokens: [...tokens],
    placement: placement.map(({ now, since }) => ({ now: [...now], since })),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function refuse(faults: readonly string[]): void {
  if (faults.length === 0) return;
  const more = faults.length - FAULTS_LISTED_MAX;
  const listed = faults.slice(0, FAULTS_LISTED_MAX).join('; ');
  throw new Error(`invalid cluster document: ${listed}${more > 0 ? `; and ${more} more` : ''}`);
}

function epochFaults({ epoch }: Fields): string[] {
  return faultsOf([[isWhole(epoch, 1), 'epoch must be a whole number from 1']]);
}

function foundingFaults({ clusterId, partitions, replicas, nodes }: Fields): string[] {
  const hasNodes = Array.isArray(nodes) && nodes.length > 0;
  return [
    ...faultsOf([
      [isText(clusterId), 'clusterId must be a text that is not empty'],
      [
        typeof partitions === 'number' && isPartitionCount(partitions),
        `partitions must be a power of two from ${PARTITIONS_MIN} to ${PARTITIONS_MAX}`,
      ],
      [isWhole(replicas, 1), 'replicas must be a whole number from 1'],
      [hasNodes, 'nodes must be a list of at least one node'],
    ]),
    ...(hasNodes ? nodesFaults(nodes) : []),
  ];
}

function nodesFaults(nodes: readonly unknown[]): string[] {
  return [
    ...nodes.flatMap((node, index) => nodeFaults(node, `nodes[${index}]`)),
    ...repeatedFaults(nodes, 'id', 'node id'),
    // Two nodes that mint under one actor would name two writes by one dot (I4); two that vote as one count once (R7).
    ...repeatedFaults(nodes, 'actor', 'actor'),
    ...repeatedFaults(nodes, 'voter', 'voter'),
  ];
}

function repeatedFaults(nodes: readonly unknown[], field: 'id' | 'actor' | 'voter', name: string): string[] {
  const seen = new Set<unknown>();
  const repeated = new Set<unknown>();
  for (const node of nodes) {
    const value = isObject(node) ? node[field] : undefined;
    if (isText(value) && seen.has(value)) repeated.add(value);
    seen.add(value);
  }
  return [...repeated].map((value) => `the ${name} ${JSON.stringify(value)} is used more than once`);
}

function nodeFaults(node: unknown, name: string): string[] {
  if (!isObject(node)) return [`${name} must be an object`];
  const { id, actor, voter, state, busAddress, httpAddress, weight, zone } = node;
  return faultsOf([
    [isText(id), `${name}.id must be a text that is not empty`],
    [isActor(actor), `${name}.actor must be a text of 1 to 32 characters`],
    [isVoter(voter), `${name}.voter must be 16 hex characters`],
    [STATES.includes(state), `${name}.state must be complete or rebuilding`],
    [typeof busAddress === 'string', `${name}.busAddress must be a text`],
    [typeof httpAddress === 'string', `${name}.httpAddress must be a text`],
    [isWhole(weight, 1, WEIGHT_MAX), `${name}.weight must be a whole number from 1 to ${WEIGHT_MAX}`],
    [typeof zone === 'string', `${name}.zone must be a text`],
  ]);
}

/** Faults of tokens and placement, given that the rest of the document is sound. */
function ringFaults(document: Fields): string[] {
  const { epoch, partitions, replicas, nodes, tokens, placement } = document as unknown as ClusterDocument;
  const faults = faultsOf([
    [hasLength(tokens, partitions), `tokens must be a list of ${partitions} indexes`],
    [hasLength(placement, partitions), `placement must be a list of ${partitions} sets`],
  ]);
  if (faults.length > 0) return faults;
  return [
    ...tokens.flatMap((owner, i) =>
      isWhole(owner, 0, nodes.length - 1) ? [] : [`tokens[${i}] names no node`],
    ),
    ...placement.flatMap((set: unknown, i) =>
      setFaults(set, { nodes: nodes.length, replicas, epoch, owner: tokens[i] }, `placement[${i}]`),
    ),
  ];
}

interface SetBounds {
  readonly nodes: number;
  readonly replicas: number;
  readonly epoch: number;
  readonly owner: unknown;
}

/** A set may be smaller than `replicas`: after a node was removed, until a ring change refills it. */
function setFaults(set: unknown, { nodes, replicas, epoch, owner }: SetBounds, name: string): string[] {
  const { now, since } = isObject(set) ? set : {};
  if (!Array.isArray(now)) return [`${name}.now must be a list of indexes`];
  return faultsOf([
    [now.length >= 1 && now.length <= replicas, `${name}.now must have 1 to ${replicas} nodes`],
    [now.every((node) => isWhole(node, 0, nodes - 1)), `${name}.now names a node that is not there`],
    [new Set(now).size === now.length, `${name}.now names a node twice`],
    [now[0] === owner, `${name}.now must begin with the owner of the token`],
    [isWhole(since, 1, epoch), `${name}.since must be a whole number from 1 to the epoch`],
  ]);
}

function knownFields(node: ClusterNode): ClusterNode {
  const { id, actor, voter, state, busAddress, httpAddress, weight, zone } = node;
  return { id, actor, voter, state, busAddress, httpAddress, weight, zone };
}

function isActor(value: unknown): value is Actor {
  return typeof value === 'string' && ACTOR.test(value);
}

/** Whether a text can name a vote file: 16 hex characters. */
export function isVoter(value: unknown): value is string {
  return typeof value === 'string' && VOTER.test(value);
}

function faultsOf(checks: readonly (readonly [holds: boolean, fault: string])[]): string[] {
  return checks.flatMap(([holds, fault]) => (holds ? [] : [fault]));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasLength(value: unknown, length: number): boolean {
  return Array.isArray(value) && value.length === length;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isWhole(value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
