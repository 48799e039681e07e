import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import {
  readClusterFile,
  readKeptClusters,
  replaceCluster,
  type KeptClusters,
} from './adapters/cluster-files/recoveryFiles.js';
import { mustBeFree } from './adapters/level-storage/database.js';
import { openFailure } from './adapters/level-storage/errors.js';
import { assert, assertNever } from './core/assert.js';
import {
  recoveredDocument,
  recoveryLoss,
  recoveryRefusal,
  type RecoveryLoss,
  type RecoveryRefusal,
} from './core/membership/recovery.js';
import type { Vote } from './core/protocol/vote.js';
import type { Cluster, ClusterDocument, NodeId } from './core/types.js';
import { keptNodeId } from './main/nodeName.js';

/** Why a directory is not recovered, in words without a full stop at the end, and what to do next. */
export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
  readonly code: 'refused' | 'node_in_use';
  readonly hint: string;

  constructor(code: RecoveryError['code'], message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export interface RecoveryRequest {
  readonly dataDir: string;
  /** Either who is lost, or the `cluster.json` of a survivor that is recovered already. */
  readonly lost: readonly string[];
  readonly documentFile?: string | undefined;
}

/** What would be done; nothing is written yet. */
export interface RecoveryPlan {
  readonly node: NodeId;
  readonly from: Pick<ClusterDocument, 'clusterId' | 'epoch'>;
  readonly to: Pick<ClusterDocument, 'clusterId' | 'epoch'>;
  readonly survivors: readonly NodeId[];
  readonly lost: readonly NodeId[];
  readonly loss: RecoveryLoss;
  /** The directory is in the new cluster already. */
  readonly isDone: boolean;
  carryOut(): Promise<void>;
}

/** What becomes of a directory. */
interface Move {
  readonly from: Cluster;
  readonly to: Cluster;
}

/** Rejects with a RecoveryError, or with what the operating system says. */
export async function planRecovery(request: RecoveryRequest): Promise<RecoveryPlan> {
  const { dataDir, documentFile } = request;
  const [node, kept] = [await ownerOf(dataDir), await clustersOf(dataDir)];
  const isDoneBy = (move: Move | undefined): move is Move =>
    move?.to.document.clusterId === kept.now.document.clusterId;
  const done = documentFile === undefined ? moveBefore(kept, request, node) : undefined;
  const move = isDoneBy(done)
    ? done
    : documentFile === undefined
      ? moveWithout(kept.now, request, node)
      : await moveTo(kept.now, documentFile, node);
  if (!isDoneBy(move)) await mustNotRun(dataDir, node);
  const carryOut = async (): Promise<void> => {
    await mustNotRun(dataDir, node);
    await replaceCluster(dataDir, { before: move.from, next: move.to, vote: voteIn(move.to, node) });
  };
  return { node, ...summaryOf(move), isDone: isDoneBy(move), carryOut };
}

function summaryOf({ from: { document: old }, to: { document } }: Move) {
  const survivors = document.nodes.map(({ id }) => id);
  const lost = old.nodes.map(({ id }) => id).filter((id) => !survivors.includes(id));
  return { from: old, to: document, survivors, lost, loss: recoveryLoss({ document: old, lost }) };
}

async function ownerOf(dataDir: string): Promise<NodeId> {
  const owner = await keptNodeId(dataDir);
  if (owner !== undefined && owner !== 'damaged') return owner;
  const what = owner === undefined ? 'is missing' : 'is damaged';
  const hint = 'Name the data directory of one surviving node; those of `rondo start` lie in its data folder';
  throw new RecoveryError(
    'refused',
    `${join(dataDir, 'node.json')} ${what}: whose data it is, is not known`,
    hint,
  );
}

async function clustersOf(dataDir: string): Promise<KeptClusters & { readonly now: Cluster }> {
  const { now, before } = await sound(readKeptClusters(dataDir));
  if (now) return { now, before };
  const hint = 'Recover another survivor: when that runs, this one learns the document from it';
  throw new RecoveryError('refused', `${dataDir} belongs to no cluster: it has no cluster.json`, hint);
}

/** A file that is no good is for a person to replace; what the operating system says stays as it is. */
async function sound<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof Error) || 'code' in error) throw error;
    throw new RecoveryError(
      'refused',
      error.message,
      'Use the data directory, or the file, of another survivor',
    );
  }
}

/** The same command as the last one leads to where the directory is. */
function moveBefore({ before }: KeptClusters, request: RecoveryRequest, node: NodeId): Move | undefined {
  const recovery = before && { document: before.document, lost: request.lost as readonly NodeId[] };
  return recovery && !recoveryRefusal(recovery, node) ? moveWithout(before, request, node) : undefined;
}

function moveWithout(from: Cluster, { lost: names }: RecoveryRequest, node: NodeId): Move {
  const recovery = { document: from.document, lost: names as readonly NodeId[] };
  const refusal = recoveryRefusal(recovery, node);
  if (refusal) throw refused(refusal, from.document, node);
  return { from, to: { ...from, document: recoveredDocument(recovery, hexHash) } };
}

const hexHash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The key of versions outlasts a recovery, and tells whether it is the same cluster that was recovered. */
async function moveTo(from: Cluster, path: string, node: NodeId): Promise<Move> {
  const to = await sound(readClusterFile(path));
  if (!to) throw new RecoveryError('refused', `there is no file ${path}`, 'Name a copy of cluster.json');
  const move = { from, to };
  if (to.document.clusterId === from.document.clusterId) return move;
  const another = 'Name the cluster.json of a survivor on which `rondo recover` is done';
  if (Buffer.compare(to.versionKey, from.versionKey) !== 0) {
    throw new RecoveryError('refused', `${path} is of a cluster that ${node} was never in`, another);
  }
  if (!to.document.nodes.some(({ id }) => id === node)) {
    throw new RecoveryError('refused', `the document in ${path} does not list ${node}`, another);
  }
  if (to.document.epoch <= from.document.epoch) {
    const epochs = `its epoch is ${String(to.document.epoch)}, that of ${node} is ${String(from.document.epoch)}`;
    throw new RecoveryError('refused', `the document in ${path} is not newer (${epochs})`, another);
  }
  return move;
}

function refused(refusal: RecoveryRefusal, { nodes }: ClusterDocument, node: NodeId): RecoveryError {
  const ids = nodes.map(({ id }) => id).join(', ');
  const because = (message: string, hint: string): RecoveryError =>
    new RecoveryError('refused', message, hint);
  switch (refusal.code) {
    case 'none_named':
      return because('no node is named as lost', `Name those that will never come back with --lost: ${ids}`);
    case 'unknown_nodes':
      return because(`the cluster has no node ${refusal.nodes.join(', ')}`, `Its nodes are: ${ids}`);
    case 'owner_lost':
      return because(
        `the directory is that of ${node}, which is named as lost`,
        'Name the directory of a survivor',
      );
    case 'owner_unknown':
      return because(`the document of the directory does not list ${node}`, `Its nodes are: ${ids}`);
    case 'majority_survives':
      return because(
        `${String(refusal.survivors)} of ${String(refusal.nodes)} nodes would survive, which is a majority`,
        'Start them, and remove the others with `rondo remove <node> --accept-loss`',
      );
    default:
      return assertNever(refusal);
  }
}

/** What is seen of another process is its lock on the database. */
async function mustNotRun(dataDir: string, node: NodeId): Promise<void> {
  const directory = join(dataDir, 'db');
  const exists = await access(directory).then(
    () => true,
    () => false,
  );
  if (!exists) return;
  try {
    await mustBeFree(directory);
  } catch (error) {
    const { code, message } = openFailure(directory, error);
    if (code !== 'storage_locked') throw new Error(message.replace(/[.]$/, ''), { cause: error });
    throw new RecoveryError('node_in_use', `${node} is running: its data is in use`, 'Stop it first');
  }
}

/**
 * The node has said nothing in the new cluster yet, so that the voter which the document lists goes on, also where its file
 * was lost. Not a vote on a founding: that could lead the node back into the old cluster, or found one (R8).
 */
function voteIn({ document: { epoch, nodes } }: Cluster, node: NodeId): Vote {
  const listed = nodes.find(({ id }) => id === node);
  assert(listed !== undefined, 'the new document lists the node');
  return { kind: 'ballot', voter: listed.voter, epoch, promised: { round: 0, node, proposal: 0 } };
}
