import type { ClusterDocument } from '../../../services/node/core/types.js';
import type { ConsulHttp } from '../../services/consulHttp.js';
import { viewOf } from '../../support/nodeViews.js';

/** What Consul's catalogue says of the nodes, laid beside the cluster document. */

const SERVICE = 'rondo';

interface Entry {
  readonly Service: { readonly ID: string; readonly Meta: Readonly<Record<string, string>> };
  readonly Checks: readonly { readonly Status: string }[];
}

/** How many of the nodes pass all checks; undefined where Consul does not answer. */
export async function passingNodes(consul: ConsulHttp): Promise<number | undefined> {
  try {
    return (await entriesOf(consul)).filter(isPassing).length;
  } catch {
    return undefined;
  }
}

/** A line for each way in which the catalogue does not say of a node at `urls` what the document says. */
export async function whyNotListed(consul: ConsulHttp, urls: readonly string[]): Promise<string[]> {
  const documents = (await documentsAt(urls)).flatMap((document) => (document ? [document] : []));
  const [first] = documents;
  if (!first || documents.length < urls.length) return ['a node does not answer'];
  let entries: readonly Entry[];
  try {
    entries = await entriesOf(consul);
  } catch (error) {
    return [`Consul gives no catalogue: ${error instanceof Error ? error.message : String(error)}`];
  }
  const byId = new Map(entries.map((entry) => [entry.Service.ID, entry]));
  const strangers = [...byId.keys()].filter((id) => !first.nodes.some((node) => node.id === id));
  return [
    ...strangers.map((id) => `the catalogue names ${id}, and the document does not`),
    ...first.nodes.flatMap(({ id }, index) => whyOtherwise(id, byId.get(id), first, index)),
  ];
}

/** What the nodes at `urls` hold; undefined for one that does not answer. */
export async function documentsAt(
  urls: readonly string[],
): Promise<readonly (ClusterDocument | undefined)[]> {
  return Promise.all(urls.map(async (url) => (await viewOf(url))?.document));
}

function whyOtherwise(
  id: string,
  entry: Entry | undefined,
  document: ClusterDocument,
  index: number,
): string[] {
  if (!entry) return [`${id} is not in the catalogue`];
  const { Meta: meta } = entry.Service;
  const isSame = tokensIn(meta, document.partitions) === tokensOf(document, index);
  return [
    ...(isPassing(entry) ? [] : [`${id} does not pass its checks`]),
    ...(isSame ? [] : [`the tokens of ${id} in the catalogue are not those of the document`]),
    ...(meta['epoch'] === String(document.epoch)
      ? []
      : [
          `${id} is registered with epoch ${meta['epoch'] ?? '?'}, the document has ${String(document.epoch)}`,
        ]),
  ];
}

/** As docs/ARCHITECTURE.md describes them: hexadecimal, the first partition the highest bit, cut into `tokens0`, `tokens1`, … */
function tokensIn(meta: Readonly<Record<string, string>>, partitions: number): string {
  let digits = '';
  for (let piece = 0; ; piece++) {
    const text = meta[`tokens${String(piece)}`];
    if (text === undefined) break;
    digits += text;
  }
  const bits = Array.from(digits, (digit) => parseInt(digit, 16).toString(2).padStart(4, '0'));
  return bits.join('').slice(0, partitions);
}

function tokensOf({ tokens }: ClusterDocument, index: number): string {
  return tokens.map((owner) => (owner === index ? '1' : '0')).join('');
}

async function entriesOf(consul: ConsulHttp): Promise<readonly Entry[]> {
  return JSON.parse(await consul.call('GET', `/v1/health/service/${SERVICE}`)) as readonly Entry[];
}

function isPassing({ Checks: checks }: Entry): boolean {
  return checks.every(({ Status: status }) => status === 'passing');
}
