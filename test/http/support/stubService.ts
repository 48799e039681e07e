import type { ErrorCode, RequestError } from '../../../services/node/core/errors.js';
import { requestError } from '../../../services/node/core/errors.js';
import type {
  GetOutcome,
  GetRequest,
  PutOutcome,
  PutRequest,
} from '../../../services/node/core/protocol/messages.js';
import type {
  Actor,
  ClusterDocument,
  Key,
  NodeId,
  Partition,
  VersionedRecord,
} from '../../../services/node/core/types.js';
import type { NodeService, NodeStatus, WhereReport } from '../../../services/node/runtime/service.js';
import { clusterNode } from '../../unit/support/clusterNode.js';

/** A node of three replicas in memory: one counter a key stands for its clock. Knobs make it slow, failing or broken. */
export interface StubService extends NodeService {
  readonly puts: PutRequest[];
  readonly gets: GetRequest[];
  readonly records: Map<Key, StubRecord>;
  /** Requests wait until this settles. */
  gate: Promise<void>;
  /** What gets and puts answer instead. */
  failure: { readonly code: ErrorCode; readonly got?: number; readonly wanted?: number } | undefined;
  /** Thrown by gets and puts: a bug. */
  bug: Error | undefined;
  /** Thrown by the scan after its records. */
  scanFault: Error | undefined;
  /** Records handed out by scans, and scans that ran to their end or were stopped. */
  readonly scans: { handedOut: number; ended: number };
  readonly unreachable: Set<string>;
  /** What it was asked to compare, and which nodes to give up; what it answers instead. */
  readonly hurried: (Partition | undefined)[];
  readonly removed: NodeId[];
  refusal: RequestError | undefined;
  /** Changes what `status()` says. */
  set(status: Partial<NodeStatus>): void;
}

interface StubRecord {
  readonly counter: number;
  readonly values: readonly Uint8Array[];
}

const REPLICAS = 3;

export function createStubService(nodes: readonly string[] = ['n1', 'n2', 'n3']): StubService {
  let status = newStatus(nodes);
  const stub: StubService = {
    puts: [],
    gets: [],
    records: new Map(),
    gate: Promise.resolve(),
    failure: undefined,
    bug: undefined,
    scanFault: undefined,
    scans: { handedOut: 0, ended: 0 },
    unreachable: new Set(),
    hurried: [],
    removed: [],
    refusal: undefined,
    async get(request) {
      stub.gets.push(request);
      await stub.gate;
      return refusal(stub, request.minReads) ?? read(stub, request);
    },
    async put(request) {
      stub.puts.push(request);
      await stub.gate;
      return refusal(stub, request.minWrites) ?? write(stub, request);
    },
    probe: async (node) => !stub.unreachable.has(node),
    where: async (key) => stub.refusal ?? whereabouts(stub, key),
    async hurry(partition) {
      stub.hurried.push(partition);
      return stub.refusal ?? { ok: true, after: 7 };
    },
    async remove(node) {
      stub.removed.push(node);
      return stub.refusal ?? { ok: true, epoch: 2 };
    },
    dump: () => scan(stub),
    versionOf: (_key, record) => versionText(record.siblings.length),
    status: () => status,
    set(change) {
      status = { ...status, ...change };
    },
  };
  return stub;
}

function refusal(stub: StubService, minNum: number | undefined): ReturnType<typeof requestError> | undefined {
  if (stub.bug) throw stub.bug;
  if (stub.failure) {
    const { code, ...details } = stub.failure;
    return requestError(code, details);
  }
  return minNum !== undefined && minNum > REPLICAS ? requestError('invalid_quorum') : undefined;
}

function read(stub: StubService, { key }: GetRequest): GetOutcome {
  const record = stub.records.get(key);
  if (!record) return { ok: true, version: '', values: [] };
  return {
    ok: true,
    version: versionText(record.counter),
    values: record.values.filter((value) => value.length > 0),
  };
}

/** The first node holds it as the stub does, the second is silent, the others lack it. */
function whereabouts(stub: StubService, key: Key): WhereReport {
  const [first, second, ...others] = stub.status().document.nodes.map(({ id }) => id) as [NodeId, NodeId];
  const { counter, values } = stub.records.get(key) ?? { counter: 0, values: [] };
  const visible = values.filter((value) => value.length > 0).length;
  const held = { values: visible, tombstone: visible === 0, bytes: 40, version: versionText(counter) };
  return {
    ...{ ok: true, position: '00112233445566ff', partition: 0, epoch: 1 },
    primaries: [
      counter > 0
        ? { node: first, status: 'found', hash: '00000000000abc', ...held }
        : { node: first, status: 'missing' },
      { node: second, status: 'silent' },
      ...others.map((node) => ({ node, status: 'missing' as const })),
    ],
    fallbacks: [],
  };
}

function write(stub: StubService, { key, value, fromVersion, onConflict }: PutRequest): PutOutcome {
  if (fromVersion !== '' && !/^v[0-9]+$/.test(fromVersion)) return requestError('invalid_version');
  const known = stub.records.get(key) ?? { counter: 0, values: [] };
  const counter = known.counter + 1;
  const stale = (fromVersion === '' ? 0 : Number(fromVersion.slice(1))) < known.counter;
  if (stale && onConflict === 'refuse') {
    return requestError('stale_version', { version: versionText(known.counter) });
  }
  const values = stale ? [...known.values, value] : [value];
  stub.records.set(key, { counter, values });
  return { ok: true, version: values.length > 1 ? null : versionText(counter), siblings: values.length };
}

async function* scan(stub: StubService): AsyncGenerator<{ key: Key; record: VersionedRecord }> {
  try {
    for (const [key, { values }] of stub.records) {
      stub.scans.handedOut++;
      yield { key, record: recordOf(values) };
    }
    if (stub.scanFault) throw stub.scanFault;
  } finally {
    stub.scans.ended++;
  }
}

function recordOf(values: readonly Uint8Array[]): VersionedRecord {
  const actor = 'a1' as Actor;
  const siblings = values.map((value, index) => ({ dot: { actor, counter: index + 1 }, value }));
  return { clock: [{ actor, counter: values.length, timestamp: 0 }], siblings, marks: [] };
}

function versionText(counter: number): string {
  return `v${counter}`;
}

function newStatus(nodes: readonly string[]): NodeStatus {
  const document = newDocument(nodes);
  const others = document.nodes.slice(1).map(({ id }) => [id, 'connected'] as const);
  return {
    node: document.nodes[0]!.id,
    actor: 'a1',
    incarnation: 1,
    complete: true,
    ready: true,
    document,
    peers: new Map(others),
    liveness: new Map(others.map(([id]) => [id, 'alive'] as const)),
    hints: new Map(),
    antiEntropy: {
      ...{ underway: undefined, last: new Map(), lastOfPartition: new Map() },
      ...{ treesReady: 8, damagedKeys: 0 },
    },
    rebuild: undefined,
    registry: undefined,
    storage: { sequence: 7, damaged: 0 },
    live: { requests: 0, bytes: 0 },
  };
}

function newDocument(nodes: readonly string[]): ClusterDocument {
  return {
    epoch: 1,
    clusterId: 'c1',
    partitions: 8,
    replicas: REPLICAS,
    nodes: nodes.map((id) => clusterNode(id, { busAddress: '127.0.0.1:1', httpAddress: '127.0.0.1:1' })),
    tokens: Array.from({ length: 8 }, (_, partition) => partition % nodes.length),
    placement: Array.from({ length: 8 }, () => ({ now: nodes.map((_, index) => index), since: 1 })),
  };
}
