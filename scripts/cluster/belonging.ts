import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageAt } from '../support/page.js';

/**
 * Nodes never write over the document of another cluster, and nodes without data that find themselves listed wait to be
 * rebuilt by others, which then do not exist: whoever starts with another folder of data is told so before.
 */
export async function checkBelonging(consulUrl: string, data: string): Promise<void> {
  const document = `${consulUrl}/v1/kv/rondo/document`;
  const { status, text } = await pageAt(`${document}?raw`, 5000);
  if (status !== 200) return;
  const kept = clusterIdIn(text);
  if (clusterIdsOf(data).some((id) => id === kept)) return;
  throw new Error(
    `Consul at ${consulUrl} holds the document of another cluster (${kept ?? 'damaged'}) than the data in ${data}: ` +
      `start with its --data, choose another --services-folder and --services-ports, or have it forgotten with curl -X DELETE ${document}`,
  );
}

/** Of every node whose data lies there and belongs to a cluster. */
function clusterIdsOf(data: string): readonly string[] {
  return foldersIn(data).flatMap((folder) => {
    try {
      return clusterIdIn(readFileSync(join(data, folder, 'cluster.json'), 'utf8')) ?? [];
    } catch {
      return [];
    }
  });
}

function foldersIn(data: string): readonly string[] {
  try {
    return readdirSync(data);
  } catch {
    return [];
  }
}

function clusterIdIn(text: string): string | undefined {
  try {
    const value = JSON.parse(text) as { readonly document?: { readonly clusterId?: string } } | null;
    return value?.document?.clusterId;
  } catch {
    return undefined;
  }
}
