import type { Key, NodeId, VersionedRecord } from '../core/types.js';
import type { NodeService } from '../runtime/service.js';
import { encodeBase64 } from './base64.js';
import { remoteLines, type AskingHow } from './remoteDump.js';
import { encodeKey } from './replies.js';

/**
 * What nodes hold, as NDJSON: one line a record, siblings and tombstones included. A node that cannot tell all ends with
 * one line that says so, so that a dump that lacks something never looks whole.
 */

type DumpFault = 'unreachable' | 'interrupted' | 'storage_unavailable';

/** Lines are gathered to about this many characters, so that small records do not cost a write each. */
const BATCH_CHARS = 64 * 1024;

/** Everything that this node holds, in batches of whole lines. Ending the iteration ends the scan. */
export async function* ownDump(service: NodeService): AsyncGenerator<string> {
  const { node } = service.status();
  let batch = '';
  try {
    for await (const { key, record } of service.dump()) {
      batch += recordLine(service, node, key, record);
      if (batch.length < BATCH_CHARS) continue;
      yield batch;
      batch = '';
    }
  } catch (fault) {
    batch += faultLine(node, 'storage_unavailable', fault);
  }
  if (batch !== '') yield batch;
}

/** Everything that every node of the document holds, one node after the other. */
export async function* clusterDump(service: NodeService, how: AskingHow): AsyncGenerator<string | Buffer> {
  const { node, document } = service.status();
  for (const { id, httpAddress } of document.nodes) {
    if (id === node) {
      yield* ownDump(service);
      continue;
    }
    let begun = false;
    try {
      for await (const lines of remoteLines(httpAddress, how)) {
        begun = true;
        yield lines;
      }
    } catch (fault) {
      yield faultLine(id, begun ? 'interrupted' : 'unreachable', fault);
    }
  }
}

function recordLine(service: NodeService, node: NodeId, key: Key, record: VersionedRecord): string {
  const values = record.siblings.filter(({ value }) => value.length > 0);
  const encoded = values.map(({ value }) => `"${encodeBase64(value)}"`).join(',');
  const version = service.versionOf(key, record);
  return `{"node":${JSON.stringify(node)},"key":"${encodeKey(key)}","version":"${version}","values":[${encoded}]}\n`;
}

function faultLine(node: NodeId, code: DumpFault, fault: unknown): string {
  const message = fault instanceof Error ? fault.message : String(fault);
  return `${JSON.stringify({ node, error: { code, message } })}\n`;
}
