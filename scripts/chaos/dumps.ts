import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { versionLedger } from '../workload/versionLedger.js';

interface DumpLine {
  readonly key?: string;
  readonly version?: string;
  readonly values?: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** One key as a node's dump shows it; a tombstone has no values. */
export interface DumpedRecord {
  /** In base64. */
  readonly key: string;
  readonly version: string;
  readonly values: readonly string[];
}

/** Everything that the node at `url` holds. Throws where it cannot tell all. */
export async function* dumpOf(url: string): AsyncGenerator<DumpedRecord> {
  const response = await fetch(`${url}/internal/dump/my`);
  if (!response.ok || !response.body) throw new Error(`${url} gives no dump: ${String(response.status)}`);
  const body = Readable.fromWeb(response.body);
  for await (const line of createInterface({ input: body })) {
    const { key = '', version = '', values = [], error } = JSON.parse(line) as DumpLine;
    if (error) throw new Error(`the dump of ${url} is not whole: ${error.code} ${error.message}`);
    yield { key, version, values };
  }
}

/**
 * What the disks of all nodes hold, laid beside each other: a dot that two writes took shows as one version with
 * different values (I4). Each finding is one line.
 */
export async function ambiguousRecords(urls: readonly string[]): Promise<string[]> {
  const ledger = versionLedger();
  for (const url of urls) {
    for await (const { key, version, values } of dumpOf(url)) ledger.note(key, version, values);
  }
  return ledger
    .ambiguous()
    .map(({ key, value, detail }) => `key ${key}: [${value}], ${detail}`.slice(0, 400));
}

/** Records by key, each as one text that is equal where version and values are. */
export type Held = ReadonlyMap<string, string>;

/** By node, what its dump shows. */
export async function holdings(
  nodes: readonly { readonly id: string; readonly url: string }[],
): Promise<ReadonlyMap<string, Held>> {
  const all = nodes.map(async ({ id, url }) => {
    const held = new Map<string, string>();
    for await (const { key, version, values } of dumpOf(url)) {
      if (held.has(key)) throw new Error(`the dump of ${url} shows ${key} twice`);
      held.set(key, [version, ...values].join(' '));
    }
    return [id, held] as const;
  });
  return new Map(await Promise.all(all));
}

/** Every key that some node holds, in base64, sorted. */
export async function keysHeld(urls: readonly string[]): Promise<readonly string[]> {
  const keys = new Set<string>();
  for (const url of urls) for await (const { key } of dumpOf(url)) keys.add(key);
  return [...keys].sort();
}
