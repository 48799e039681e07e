import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { foundDocument, validateDocument } from './core/ring/document.js';
import type { Actor, ClusterDocument, ClusterNode, NodeId } from './core/types.js';

/**
 * The two files that say what the cluster is. The *bootstrap list* names the nodes and their addresses; an operator, or
 * `rondo start`, gives the same list to every node. From it each node works out the cluster document, which it keeps in
 * its own data directory beside the key that authenticates versions.
 */

/** A node as the list names it, before it has a data directory. */
export type ListedNode = Omit<ClusterNode, 'actor' | 'voter' | 'state'>;

export interface Bootstrap {
  readonly clusterId: string;
  /** Key that authenticates version strings, base64; secret. */
  readonly versionKey: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly nodes: readonly ListedNode[];
}

export interface KnownCluster {
  readonly document: ClusterDocument;
  readonly versionSecret: Uint8Array;
  /** Whether the data directory already belonged to the cluster. */
  readonly isKept: boolean;
}

/** A cluster file that is missing, unreadable or does not fit; the message says what to do. */
export class ClusterFileError extends Error {
  override readonly name = 'ClusterFileError';
}

const KEPT_FILE = 'cluster.json';
const VERSION_KEY_BYTES = 32;

export function newBootstrap(
  nodes: readonly ListedNode[],
  sizes: { partitions: number; replicas: number },
): Bootstrap {
  return {
    clusterId: randomBytes(8).toString('hex'),
    versionKey: randomBytes(VERSION_KEY_BYTES).toString('base64'),
    ...sizes,
    nodes,
  };
}

/** `undefined` where there is no such file. */
export async function readBootstrap(path: string): Promise<Bootstrap | undefined> {
  const value = await readJson(path);
  if (value === undefined) return undefined;
  return checkBootstrap(path, value);
}

/**
 * The cluster as this node knows it: the document kept in `dataDir`, with the addresses of the bootstrap list where one is
 * given (a node may have moved); for a new directory the document worked out from the list, to be kept with
 * {@link keepCluster} once the database beside it exists.
 */
export async function knowCluster(dataDir: string, bootstrapFile: string): Promise<KnownCluster> {
  const path = join(dataDir, KEPT_FILE);
  const kept = await readJson(path);
  const bootstrap = bootstrapFile === '' ? undefined : await readBootstrap(bootstrapFile);
  if (bootstrapFile !== '' && !bootstrap)
    throw new ClusterFileError(`There is no bootstrap list at ${bootstrapFile}.`);
  if (kept !== undefined) return readdress(path, checkKept(path, kept), bootstrap);
  if (!bootstrap) {
    throw new ClusterFileError(
      `${dataDir} belongs to no cluster yet: give the list of nodes with --bootstrap FILE.`,
    );
  }
  const versionSecret = Buffer.from(bootstrap.versionKey, 'base64');
  return { document: documentOf(bootstrap), versionSecret, isKept: false };
}

export async function keepCluster(dataDir: string, { document, versionSecret }: KnownCluster): Promise<void> {
  const versionKey = Buffer.from(versionSecret).toString('base64');
  await writeJsonDurably(join(dataDir, KEPT_FILE), { document, versionKey });
}

/** Replaces a file so that after a crash it is either the old or the new one, and readable only by its owner. */
export async function writeJsonDurably(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.tmp`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  for (const folder of [dirname(path), dirname(dirname(path))]) await syncFolder(folder);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * A list says nothing of data directories and vote files, and every node has to work out the same document from it: names
 * that follow from the list stand in for them.
 */
function documentOf(bootstrap: Bootstrap): ClusterDocument {
  const nameOf = (what: string, id: unknown): string =>
    createHash('sha256')
      .update(JSON.stringify([bootstrap.clusterId, what, id]))
      .digest('hex')
      .slice(0, 16);
  const nodes = Array.isArray(bootstrap.nodes) ? bootstrap.nodes : [];
  return foundDocument({
    ...bootstrap,
    nodes: nodes.map((node: ListedNode) => ({
      ...node,
      actor: nameOf('actor', node.id) as Actor,
      voter: nameOf('voter', node.id),
      state: 'complete',
    })),
  });
}

function readdress(path: string, kept: KnownCluster, bootstrap: Bootstrap | undefined): KnownCluster {
  if (!bootstrap) return kept;
  const { document } = kept;
  if (bootstrap.clusterId !== document.clusterId) {
    throw new ClusterFileError(
      `${path} is of another cluster than the bootstrap list; give the list it was made with.`,
    );
  }
  const listed = new Map<NodeId, ListedNode>(bootstrap.nodes.map((node) => [node.id, node]));
  const nodes = document.nodes.map((node) => {
    const { busAddress, httpAddress } = listed.get(node.id) ?? node;
    return { ...node, busAddress, httpAddress };
  });
  return { ...kept, document: { ...document, nodes } };
}

function checkKept(path: string, value: object): KnownCluster {
  const { document, versionKey } = value as Partial<Record<'document' | 'versionKey', unknown>>;
  try {
    return { document: validateDocument(document), versionSecret: checkVersionKey(versionKey), isKept: true };
  } catch (error) {
    throw new ClusterFileError(
      `${path} is damaged: ${messageOf(error)} Copy it from another node, then start again.`,
    );
  }
}

function checkBootstrap(path: string, value: object): Bootstrap {
  const bootstrap = value as Bootstrap;
  try {
    checkVersionKey(bootstrap.versionKey);
    validateDocument(documentOf(bootstrap));
    return bootstrap;
  } catch (error) {
    throw new ClusterFileError(`The bootstrap list ${path} is not usable: ${messageOf(error)}`);
  }
}

function checkVersionKey(value: unknown): Uint8Array {
  const secret = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  if (secret.length !== VERSION_KEY_BYTES) throw new Error('versionKey must be 32 bytes of base64.');
  return secret;
}

async function readJson(path: string): Promise<object | undefined> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ClusterFileError(`${path} cannot be read: ${messageOf(error)}`);
  }
  const value = parseJson(content);
  if (typeof value === 'object' && value !== null) return value;
  throw new ClusterFileError(`${path} is not a JSON object; copy it from another node, then start again.`);
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
