import { describe, expect, it } from '@jest/globals';
import { nodesOf } from '../../../services/node/adapters/consul-membership/catalog.js';
import { faultOf } from '../../../services/node/adapters/consul-membership/faults.js';
import { definitionOf, saysTheSame } from '../../../services/node/adapters/consul-membership/registration.js';
import { nextIndex } from '../../../services/node/adapters/consul-membership/watch.js';
import type { Actor } from '../../../services/node/core/types.js';
import type { Registration } from '../../../services/node/ports/registry.js';

const PASSING = [
  { Status: 'passing', ServiceID: '' },
  { Status: 'passing', ServiceID: 'a' },
];

function entry(id: unknown, over: object = {}, checks: unknown = PASSING): unknown {
  return {
    Service: { ID: id, Meta: { busAddress: '10.0.0.1:8181' }, ModifyIndex: 1, ...over },
    Checks: checks,
  };
}

function look(entries: readonly unknown[]): { nodes: unknown[]; rejected: string[] } {
  const rejected: string[] = [];
  const nodes = nodesOf(entries, (reason) => rejected.push(reason));
  return { nodes: [...nodes.values()], rejected };
}

describe('the index of a blocking query', () => {
  it.each([
    [0, 7, 7],
    [7, 7, 7],
    [7, 9, 9],
    [9, 7, 0],
    [9, 0, 0],
    [9, -1, 0],
    [0, 0, 1],
    [0, -5, 1],
    [1, 0, 0],
  ])('asked with %d and answered with %d, the next one is %d', (asked, answered, next) => {
    expect(nextIndex(asked, answered)).toBe(next);
  });
});

describe("what Consul's list says of nodes", () => {
  it('a node passes while no check of it or of its agent is critical', () => {
    const check = (status: string, service = 'a') => ({ Status: status, ServiceID: service });
    const statuses = [
      PASSING,
      [check('warning'), check('passing', '')],
      [check('critical'), check('passing', '')],
      [check('passing'), check('critical', '')],
      [check('maintenance'), check('passing', '')],
      [check('passing', '')],
      [],
      'passing',
      [null, check('passing')],
    ];
    const passing = statuses.map((checks) => look([entry('a', {}, checks)]).nodes[0]);
    expect(passing.map((node) => (node as { passing: boolean }).passing)).toEqual([
      ...[true, true],
      ...[false, false, false, false, false, false, false],
    ]);
  });

  it('takes nodes that have no address, since their bus has a broker', () => {
    const { nodes, rejected } = look([entry('a', { Meta: { busAddress: '' } })]);
    expect([nodes, rejected]).toEqual([[{ node: 'a', busAddress: '', passing: true }], []]);
  });

  it('leaves out and counts what is no node of ours, and reads the rest', () => {
    const bad = [
      {},
      { Service: null },
      entry(7),
      entry(''),
      entry('a b'),
      entry('x'.repeat(64)),
      entry('b', { Meta: null }),
      entry('b', { Meta: {} }),
      entry('b', { Meta: { busAddress: 7 } }),
      entry('b', { Meta: { busAddress: 'nowhere' } }),
      entry('b', { Meta: { busAddress: `${'x'.repeat(300)}:1` } }),
    ];
    const { nodes, rejected } = look([...bad, entry('a')]);
    expect(nodes).toEqual([{ node: 'a', busAddress: '10.0.0.1:8181', passing: true }]);
    expect(rejected).toHaveLength(bad.length);
  });

  it('reads no more nodes than a bound', () => {
    const { nodes, rejected } = look(Array.from({ length: 1500 }, (_, i) => entry(`n${String(i)}`)));
    expect([nodes.length, rejected.length]).toEqual([1024, 476]);
  });

  it('of two entries of a node the one that passes counts, then the newer', () => {
    const at = (busAddress: string, ModifyIndex: number) => ({ Meta: { busAddress }, ModifyIndex });
    const failing = entry('a', at('old:1', 9), []);
    const [older, newer] = [entry('a', at('older:1', 3)), entry('a', at('newer:1', 4))];
    for (const entries of [
      [failing, older, newer],
      [newer, older, failing],
    ]) {
      expect(look(entries).nodes).toEqual([{ node: 'a', busAddress: 'newer:1', passing: true }]);
    }
  });
});

const REGISTRATION: Registration = {
  ...{ httpAddress: '10.0.0.1:8081', busAddress: '10.0.0.1:8181', actor: '0011223344556677' as Actor },
  ...{ zone: 'z', weight: 2, epoch: 7, tokens: [] },
};

describe('a registration in Consul', () => {
  it('has the check on /health, and everything else in its meta', () => {
    expect(definitionOf(REGISTRATION)).toEqual({
      address: '10.0.0.1',
      port: 8081,
      checkUrl: 'http://10.0.0.1:8081/health',
      meta: { busAddress: '10.0.0.1:8181', actor: '0011223344556677', zone: 'z', weight: '2', epoch: '7' },
    });
  });

  it('has an IPv6 address without brackets, and its check with them', () => {
    const { address, port, checkUrl } = definitionOf({ ...REGISTRATION, httpAddress: '[fe80::1]:8081' });
    expect([address, port, checkUrl]).toEqual(['fe80::1', 8081, 'http://[fe80::1]:8081/health']);
  });

  it('has the tokens as hexadecimal digits, the first partition as the highest bit', () => {
    const tokens = [true, false, false, true, false, false, true, false];
    expect(definitionOf({ ...REGISTRATION, tokens }).meta['tokens0']).toBe('92');
  });

  it.each([
    [8, [2]],
    [256, [64]],
    [2048, [512]],
    [4096, [512, 512]],
  ])('of %d partitions no value is too long for Consul', (partitions, lengths) => {
    const tokens = Array.from({ length: partitions }, () => true);
    const { meta } = definitionOf({ ...REGISTRATION, tokens });
    const pieces = Object.entries(meta).filter(([name]) => name.startsWith('tokens'));
    expect(pieces.map(([name]) => name)).toEqual(lengths.map((_, i) => `tokens${String(i)}`));
    expect(pieces.map(([, piece]) => piece)).toEqual(lengths.map((length) => 'f'.repeat(length)));
  });

  it('is compared with what the agent holds in every part', () => {
    const definition = definitionOf(REGISTRATION);
    const held = { Service: 'rondo', Address: '10.0.0.1', Port: 8081, Meta: { ...definition.meta } };
    expect(saysTheSame(held, 'rondo', definition)).toBe(true);
    const others = [
      undefined,
      null,
      { ...held, Service: 'other' },
      { ...held, Address: '10.0.0.2' },
      { ...held, Port: 1 },
      { ...held, Meta: null },
      { ...held, Meta: { ...definition.meta, epoch: '8' } },
      { ...held, Meta: { ...definition.meta, more: '' } },
    ];
    expect(others.filter((other) => saysTheSame(other, 'rondo', definition))).toEqual([]);
  });
});

describe('a fault', () => {
  it.each([
    [{ message: 'connect', code: 'ECONNREFUSED' }, 'unreachable'],
    [{ message: 'x', code: 'ENOTFOUND' }, 'unreachable'],
    [{ message: 'x', code: 'SELF_SIGNED_CERT_IN_CHAIN' }, 'tls'],
    [{ message: 'x', code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'tls'],
    [{ message: 'x', code: 'HPE_INVALID_CONSTANT' }, 'foreign'],
    [{ message: 'x', isCodec: true }, 'foreign'],
    [{ message: 'x', response: { statusCode: 403, body: 'ACL not found' } }, 'refused'],
    [{ message: 'x', response: { statusCode: 500 } }, 'erring'],
    [{ message: 'x', response: { statusCode: 429 } }, 'erring'],
    [{ message: 'x', response: { statusCode: 413 } }, 'overlong'],
    [{ message: 'x', response: { statusCode: 301 } }, 'foreign'],
    [undefined, 'foreign'],
  ])('of %j is %s', (error, kind) => {
    expect(faultOf(error).kind).toBe(kind);
  });

  it('says what the other side said, in one line of bounded length', () => {
    const { detail } = faultOf({
      message: 'x',
      response: { statusCode: 500, body: `No\nleader ${'x'.repeat(999)}` },
    });
    expect(detail).toMatch(/^status 500 No leader x+$/);
    expect(detail.length).toBeLessThanOrEqual(200);
  });
});
