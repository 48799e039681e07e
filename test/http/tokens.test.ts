import { afterEach, describe, expect, it } from '@jest/globals';
import type { ClusterDocument, Key, NodeId } from '../../services/node/core/types.js';
import { ROUTES } from '../../services/node/http/routes.js';
import type { ClientTokens } from '../../services/node/tokens/token.js';
import { call, codeOf, linesOf } from './support/contract.js';
import { harnesses } from './support/harness.js';
import type { Harness } from './support/harness.js';
import { exchangeRaw, requestText } from './support/rawHttp.js';
import { createStubService } from './support/stubService.js';

const { start, closeAll } = harnesses();
afterEach(closeAll);

const tokens: ClientTokens = {
  scopeOf: (token) => (token === 'reader' ? 'read' : token === 'writer' ? 'write' : undefined),
};
const bearer = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } });

/** Every operation that is not open, as a request that would be carried out. */
const guarded = ROUTES.filter(({ path }) => !['/ping', '/health', '/ready'].includes(path)).map(
  ({ method, path }) => ({
    method: method.toUpperCase(),
    target:
      path.replace('{key}', 'AAAA').replace('{node}', 'n3') +
      (path.includes('{node}') ? '?acceptLoss=true' : ''),
    init: {
      ...(method === 'put' ? { body: '{"key":"AAAA","value":"BBBB"}' } : {}),
      ...(method === 'post' ? { headers: { 'Content-Type': 'application/json' } } : {}),
    },
  }),
);

function shown(init: RequestInit, token: string): RequestInit {
  return { ...init, headers: { ...(init.headers as object), Authorization: `Bearer ${token}` } };
}

/** A stub on which whatever is asked of it fails the test: a request that was turned away must reach nothing. */
function untouchable(): Harness['stub'] {
  const stub = createStubService();
  const touched = (): never => {
    throw new Error('the service was asked');
  };
  return Object.assign(stub, {
    ...{ get: touched, put: touched, where: touched, hurry: touched, remove: touched },
    ...{ probe: touched, dump: touched, status: touched },
  });
}

describe('a node with tokens', () => {
  it.each(guarded)(
    '$method $target without a token: 401, and nothing is done',
    async ({ method, target, init }) => {
      const { url, counted } = await start({ stub: untouchable(), tokens });
      const bare = await call(url, method, target, init);
      expect([bare.status, codeOf(bare), bare.headers.get('www-authenticate')]).toEqual([
        401,
        'unauthorized',
        'Bearer',
      ]);
      expect(bare.json).toMatchObject({ success: false, error: { outcome: 'none' } });
      expect(codeOf(await call(url, method, target, shown(init, 'stranger')))).toBe('unauthorized');
      expect(counted.get('rondo_requests_refused_total{reason=unauthorized}')).toBe(2);
    },
  );

  it.each(guarded.filter(({ method }) => method !== 'GET'))(
    '$method $target with a token to read: 403, and nothing is done',
    async ({ method, target, init }) => {
      const { url, counted } = await start({ stub: untouchable(), tokens });
      const refused = await call(url, method, target, shown(init, 'reader'));
      expect([refused.status, codeOf(refused)]).toEqual([403, 'forbidden']);
      expect(refused.json).toMatchObject({ success: false, error: { outcome: 'none' } });
      expect(counted.get('rondo_requests_refused_total{reason=forbidden}')).toBe(1);
    },
  );

  it.each(guarded)('$method $target with the right token is served', async ({ method, target, init }) => {
    const { url } = await start({ tokens });
    for (const token of method === 'GET' ? ['reader', 'writer'] : ['writer']) {
      const served = await call(url, method, target, shown(init, token));
      expect(['unauthorized', 'forbidden']).not.toContain(codeOf(served));
    }
  });

  it('serves a write and reads it back', async () => {
    const { url } = await start({ tokens });
    const body = '{"value":"BBBB"}';
    expect((await call(url, 'PUT', '/storage/AAAA', { body, ...bearer('writer') })).status).toBe(200);
    expect((await call(url, 'GET', '/storage/AAAA', bearer('reader'))).status).toBe(200);
  });

  it.each(['/ping', '/health', '/ready'])('%s is open, with a query and by HEAD too', async (path) => {
    const { url } = await start({ tokens });
    expect((await call(url, 'GET', path)).status).toBe(200);
    expect((await call(url, 'GET', `${path}?from=balancer`)).status).toBe(200);
    expect((await call(url, 'HEAD', path)).status).toBe(200);
    expect((await call(url, 'GET', path, bearer('stranger'))).status).toBe(200);
  });

  it.each(['/ping/', '/PING', '//ping', '/pin%67', '/health/../cluster', '/nothing', '/'])(
    '%s is not: who shows nothing learns nothing',
    async (path) => {
      const { port } = await start({ stub: untouchable(), tokens });
      expect(await statusOf(port, requestText('GET', path))).toBe(401);
    },
  );

  it.each(['OPTIONS', 'PATCH', 'TRACE'])('%s wants a token to write', async (method) => {
    const { port } = await start({ stub: untouchable(), tokens });
    const authorization = { Authorization: 'Bearer reader' };
    expect(await statusOf(port, requestText(method, '/storage/AAAA'))).toBe(401);
    expect(await statusOf(port, requestText(method, '/storage/AAAA', undefined, authorization))).toBe(403);
  });

  it('HEAD of a key: a token to read will do; without one 401 and no body', async () => {
    const { url } = await start({ tokens });
    const bare = await call(url, 'HEAD', '/storage/AAAA');
    expect([bare.status, bare.text]).toEqual([401, '']);
    expect((await call(url, 'HEAD', '/storage/AAAA', bearer('reader'))).status).toBe(404);
  });

  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR  '])('takes the scheme as %s', async (scheme) => {
    const { port } = await start({ tokens });
    const request = requestText('GET', '/cluster', undefined, { authorization: `${scheme} reader` });
    expect(await statusOf(port, request)).toBe(200);
  });

  it.each([
    'reader',
    'Basic cmVhZGVyOg==',
    'Bearer',
    'Bearer ',
    'Bearerreader',
    'Bearer reader x',
    'Bearer reader,',
    '',
  ])('takes no %j', async (authorization) => {
    const { port } = await start({ stub: untouchable(), tokens });
    const request = requestText('GET', '/storage/AAAA', undefined, { authorization });
    expect(await statusOf(port, request)).toBe(401);
  });

  it('takes no two Authorization headers, even where each would do', async () => {
    const { port } = await start({ stub: untouchable(), tokens });
    const twice = { Authorization: 'Bearer reader', authorization: 'Bearer reader' };
    expect(await statusOf(port, requestText('GET', '/storage/AAAA', undefined, twice))).toBe(401);
  });

  it('an absurdly long token: 401 as long as headers may be, 431 beyond', async () => {
    const { port } = await start({ stub: untouchable(), tokens });
    const long = (chars: number): Buffer =>
      requestText('GET', '/storage/AAAA', undefined, { Authorization: `Bearer ${'a'.repeat(chars)}` });
    expect(await statusOf(port, long(30_000))).toBe(401);
    expect(await statusOf(port, long(40_000))).toBe(431);
  });

  it('the body of a refused PUT is not taken: neither asked for, nor read where it is large', async () => {
    const { port } = await start({ stub: untouchable(), tokens });
    const put = (headers: Record<string, string>): Buffer =>
      requestText('PUT', '/storage/AAAA', undefined, headers);
    const waiting = put({ 'Content-Length': '1000', Expect: '100-continue' });
    const large = put({ 'Content-Length': '10000000' });
    for (const request of [waiting, large]) {
      const { replies, closed } = await exchangeRaw({ host: '127.0.0.1', port }, [request], {
        timeoutMs: 5000,
      });
      expect(replies.map(({ status }) => status)).toEqual([401]);
      expect(closed).toBe(true);
    }
  });

  it('each of the requests of one connection is judged for itself', async () => {
    const { port } = await start({ tokens });
    const body = '{"value":"BBBB"}';
    const requests = [
      requestText('PUT', '/storage/AAAA', body, { Authorization: 'Bearer writer' }),
      requestText('PUT', '/storage/AAAA', body),
      requestText('GET', '/storage/AAAA', undefined, { Authorization: 'Bearer reader' }),
    ];
    const { replies } = await exchangeRaw({ host: '127.0.0.1', port }, requests, {
      timeoutMs: 5000,
      enough: (so_far) => so_far.length === 3,
    });
    expect(replies.map(({ status }) => status)).toEqual([200, 401, 200]);
  });
});

describe('a node without tokens', () => {
  it('serves everybody, whatever they show', async () => {
    const { url } = await start();
    expect((await call(url, 'GET', '/cluster')).status).toBe(200);
    expect((await call(url, 'GET', '/cluster', bearer('stranger'))).status).toBe(200);
  });
});

describe('/internal/dump/all', () => {
  it('asks the other nodes with what the client showed', async () => {
    const cluster = await startPair(tokens, tokens);
    const { text } = await call(cluster.url, 'GET', '/internal/dump/all', bearer('reader'));
    expect(linesOf(text)).toEqual([
      expect.objectContaining({ node: 'n1' }),
      expect.objectContaining({ node: 'n2' }),
    ]);
    expect(text).not.toContain('error');
  });

  it('says of a node that does not know the token why it lacks', async () => {
    const cluster = await startPair(tokens, { scopeOf: () => undefined });
    const { text } = await call(cluster.url, 'GET', '/internal/dump/all', bearer('reader'));
    expect(linesOf(text)[1]).toMatchObject({
      node: 'n2',
      error: { code: 'unreachable', message: expect.stringContaining('token file') },
    });
  });
});

async function startPair(first: ClientTokens, second: ClientTokens): Promise<Harness> {
  const ids = ['n1', 'n2'];
  const pair = await Promise.all(
    [first, second].map((each, index) => {
      const stub = createStubService(ids);
      stub.set({ node: ids[index] as NodeId });
      stub.records.set('key' as Key, { counter: 1, values: [Buffer.from('value')] });
      return start({ stub, tokens: each });
    }),
  );
  for (const { stub } of pair) {
    const { document } = stub.status();
    const nodes = document.nodes.map((node, index) => ({
      ...node,
      httpAddress: new URL(pair[index]!.url).host,
    }));
    stub.set({ document: { ...document, nodes } satisfies ClusterDocument });
  }
  return pair[0]!;
}

async function statusOf(port: number, request: Buffer): Promise<number | undefined> {
  const { replies } = await exchangeRaw({ host: '127.0.0.1', port }, [request], {
    timeoutMs: 5000,
    enough: (replies) => replies.length > 0,
  });
  return replies[0]?.status;
}
