import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { versionLedger } from '../workload/versionLedger.js';

interface DumpLine {
  readonly key?: string;
  readonly version?: string;
  readonly values?: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * What the disks of all nodes hold, laid beside each other: a dot that two writes took shows as one version with
 * different values (I4). Each finding is one line. Throws where a node cannot tell all that it holds.
 */
export async function ambiguousRecords(urls: readonly string[]): Promise<string[]> {
  const ledger = versionLedger();
  for (const url of urls) {
    for await (const { key, version, values, error } of dumpOf(url)) {
      if (error) throw new Error(`the dump of ${url} is not whole: ${error.code} ${error.message}`);
      ledger.note(key ?? '', version ?? '', values ?? []);
    }
  }
  return ledger
    .ambiguous()
    .map(({ key, value, detail }) => `key ${key}: [${value}], ${detail}`.slice(0, 400));
}

async function* dumpOf(url: string): AsyncGenerator<DumpLine> {
  const response = await fetch(`${url}/internal/dump/my`);
  if (!response.ok || !response.body) throw new Error(`${url} gives no dump: ${String(response.status)}`);
  const body = Readable.fromWeb(response.body);
  for await (const line of createInterface({ input: body })) yield JSON.parse(line) as DumpLine;
}
