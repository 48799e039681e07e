import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a fake does wrong, about once in `every` writes. */
export type Fault =
  'none' | 'forgets' | 'resurrects' | 'storesRefused' | 'damages' | 'coversUnseen' | 'drops';

export interface FakeStore {
  readonly url: string;
  close(): Promise<void>;
}

interface FakeRecord {
  readonly known: ReadonlySet<number>;
  readonly siblings: ReadonlyMap<number, string>;
}

interface FakePut {
  readonly value: string;
  readonly fromVersion?: string;
  readonly onConflict?: string;
  readonly requestId?: string;
}

interface FakeAnswer {
  readonly status: number;
  readonly body: object;
}

const EMPTY: FakeRecord = { known: new Set(), siblings: new Map() };
const EVERY = 40;

/** The storage API over one map: versions are sets of dots in clear. One fault can be planted. */
export async function startFakeStore(fault: Fault): Promise<FakeStore> {
  const records = new Map<string, FakeRecord>();
  const requests = new Map<string, string>();
  let dots = 0;
  const put = (key: string, write: FakePut): FakeAnswer | undefined => {
    const record = records.get(key) ?? EMPTY;
    const repeated = requests.get(write.requestId ?? '');
    if (repeated !== undefined) return { status: 200, body: { success: true, version: null } };
    const known = parse(write.fromVersion ?? '');
    const strikes = ++dots % EVERY === 0;
    const isStale = known.size < record.known.size && record.siblings.size > 0;
    if (isStale && write.onConflict !== 'sibling' && !(strikes && fault === 'storesRefused'))
      return refusal(record);
    const next = merge(record, known, dots, damage(write.value, strikes && fault === 'damages'));
    const kept =
      strikes && fault === 'resurrects'
        ? { ...next, siblings: new Map([...record.siblings, ...next.siblings]) }
        : next;
    if (!(strikes && fault === 'forgets')) records.set(key, kept);
    if (isStale && write.onConflict !== 'sibling') return refusal(record);
    if (write.requestId !== undefined) requests.set(write.requestId, key);
    if (strikes && fault === 'drops') return undefined;
    const alone = next.siblings.size <= 1 || (strikes && fault === 'coversUnseen');
    return { status: 200, body: { success: true, version: alone ? version(next) : null } };
  };
  const get = (key: string): FakeAnswer => {
    const record = records.get(key) ?? EMPTY;
    const values = [...record.siblings.values()].filter((value) => value !== '');
    const body = { key, value: { version: version(record), values } };
    return { status: values.length === 0 ? 404 : 200, body };
  };
  const server = http.createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const url = new URL(request.url ?? '', 'http://fake');
      const key = url.pathname.slice('/storage/'.length);
      const removal = { value: '', fromVersion: url.searchParams.get('fromVersion') ?? '' };
      const write = request.method === 'PUT' ? (JSON.parse(text) as FakePut) : removal;
      const answer = request.method === 'GET' ? get(key) : put(key, write);
      if (!answer) return response.destroy();
      return response.writeHead(answer.status).end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function merge(record: FakeRecord, seen: ReadonlySet<number>, dot: number, value: string): FakeRecord {
  const tombstonesOnly = [...record.siblings.values()].every((sibling) => sibling === '');
  const replaced = tombstonesOnly ? record.known : seen;
  const left = [...record.siblings].filter(([other]) => !replaced.has(other));
  return { known: new Set([...record.known, ...seen, dot]), siblings: new Map([...left, [dot, value]]) };
}

function damage(value: string, strikes: boolean): string {
  return strikes && value !== '' ? Buffer.from('damaged').toString('base64') : value;
}

function refusal(record: FakeRecord): FakeAnswer {
  const error = { code: 'stale_version', message: 'stale', outcome: 'none' };
  return { status: 409, body: { success: false, error, version: version(record) } };
}

function version(record: FakeRecord): string {
  return [...record.known].join('.');
}

function parse(text: string): Set<number> {
  return new Set(text === '' ? [] : text.split('.').map(Number));
}

async function bodyOf(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
