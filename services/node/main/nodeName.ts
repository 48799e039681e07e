import { hostname } from 'node:os';
import { join } from 'node:path';
import { isNodeName } from '../config/options.js';
import type { NodeId } from '../core/types.js';
import { readTextIfThere, writeJsonDurably } from '../durableFile.js';
import type { Entropy } from '../ports/entropy.js';

const NAME_FILE = 'node.json';
const HOST_CHARS_MAX = 40;
const RANDOM_BYTES = 3;

/**
 * The name that this data directory belongs to, and keeps from now on: the given one, else the one that was kept, else one
 * made from the host's name and a random part. Rejects where the directory is another node's: two nodes must not take turns
 * under one identity.
 */
export async function chooseNodeId(dataDir: string, given: NodeId | '', entropy: Entropy): Promise<NodeId> {
  const path = join(dataDir, NAME_FILE);
  const kept = await keptName(path);
  if (kept === 'damaged' && given === '') {
    throw new Error(`${path} is damaged: say which node this is with --node-id.`);
  }
  if (kept !== 'damaged' && kept !== undefined) {
    if (given === '' || given === kept) return kept;
    throw new Error(
      `${dataDir} holds the data of ${kept}, not of ${given}; choose another folder with --data-dir, or start with --node-id ${kept}.`,
    );
  }
  const nodeId = given === '' ? newName(entropy) : given;
  await writeJsonDurably(path, { nodeId });
  return nodeId;
}

/** What the data directory says; changes nothing. */
export async function keptNodeId(dataDir: string): Promise<NodeId | 'damaged' | undefined> {
  return keptName(join(dataDir, NAME_FILE));
}

async function keptName(path: string): Promise<NodeId | 'damaged' | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    const { nodeId } = JSON.parse(text) as { readonly nodeId?: unknown };
    return typeof nodeId === 'string' && isNodeName(nodeId) ? nodeId : 'damaged';
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return 'damaged';
    throw error;
  }
}

function newName(entropy: Entropy): NodeId {
  const host = hostname()
    .replace(/[^A-Za-z0-9.-]/g, '')
    .replace(/^[^A-Za-z0-9]+/, '');
  const random = Buffer.from(entropy.bytes(RANDOM_BYTES)).toString('hex');
  return `${host.slice(0, HOST_CHARS_MAX) || 'node'}-${random}` as NodeId;
}
