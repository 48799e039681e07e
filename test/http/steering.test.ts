import { afterEach, describe, expect, it } from '@jest/globals';
import { requestError } from '../../services/node/core/errors.js';
import { call, codeOf, putJson, type Reply } from './support/contract.js';
import { harnesses } from './support/harness.js';

const { start, closeAll } = harnesses();
afterEach(closeAll);

const JSON_TYPE = { 'Content-Type': 'application/json' };

function post(url: string, target: string, init: RequestInit = { headers: JSON_TYPE }): Promise<Reply> {
  return call(url, 'POST', target, init);
}

describe('/internal/where', () => {
  it('says where a key lies and what each node answered', async () => {
    const { url } = await start();
    await putJson(url, '/storage/YWJj', { value: 'YQ==' });
    const { status, json } = await call(url, 'GET', '/internal/where/YWJj');
    expect(status).toBe(200);
    expect(json).toEqual({
      ...{ key: 'YWJj', position: '00112233445566ff', partition: 0, epoch: 1 },
      primaries: [
        {
          ...{ node: 'n1', status: 'found', hash: '00000000000abc', version: 'v1' },
          ...{ values: 1, tombstone: false, bytes: 40 },
        },
        { node: 'n2', status: 'silent' },
        { node: 'n3', status: 'missing' },
      ],
      fallbacks: [],
    });
  });

  it.each(['/w/7', '%2Fw%2F7', '_w_7'])('takes the key as /storage does: %s', async (sent) => {
    const { url } = await start();
    const { json } = await call(url, 'GET', `/internal/where/${sent}`);
    expect(json).toMatchObject({ key: '/w/7' });
  });

  it.each([
    ['', 'invalid_key'],
    ['ab*d', 'invalid_key'],
    ['%zz', 'invalid_key'],
    [Buffer.alloc(4097, 'k').toString('base64url'), 'key_too_large'],
    ['YWJj?quorum=strict', 'invalid_parameter'],
  ])('refuses what is no key: %.20s', async (sent, code) => {
    const { url } = await start();
    expect(codeOf(await call(url, 'GET', `/internal/where/${sent}`))).toBe(code);
  });

  it('answers 503 where too many keys are looked for at once', async () => {
    const { url, stub } = await start();
    stub.refusal = requestError('overloaded');
    expect(codeOf(await call(url, 'GET', '/internal/where/YWJj'))).toBe('overloaded');
  });
});

describe('/internal/repair', () => {
  it('has everything compared, or one partition, and says after which comparison to look', async () => {
    const { url, stub } = await start();
    const all = await post(url, '/internal/repair');
    expect(all.json).toEqual({ success: true, node: 'n1', incarnation: 1, after: 7 });
    expect((await post(url, '/internal/repair?partition=3')).status).toBe(200);
    expect(stub.hurried).toEqual([undefined, 3]);
  });

  it.each(['partition=8', 'partition=-1', 'partition=1.5', 'partition=', 'partition=x', 'part=1'])(
    'refuses a partition that is not there: %s',
    async (query) => {
      const { url, stub } = await start();
      expect(codeOf(await post(url, `/internal/repair?${query}`))).toBe('invalid_parameter');
      expect(stub.hurried).toEqual([]);
    },
  );
});

describe('/internal/remove', () => {
  it('gives up a node, whatever its name, and answers with the new epoch', async () => {
    const { url, stub } = await start();
    const reply = await post(url, '/internal/remove/a%2Fb?acceptLoss=true');
    expect(reply.json).toEqual({ success: true, epoch: 2 });
    expect(stub.removed).toEqual(['a/b']);
  });

  it.each(['', '?acceptLoss=false'])('does nothing until loss is accepted%s', async (query) => {
    const { url, stub } = await start();
    const reply = await post(url, `/internal/remove/n2${query}`);
    expect([reply.status, codeOf(reply)]).toEqual([409, 'loss_not_accepted']);
    expect(stub.removed).toEqual([]);
  });

  it.each([
    ['acceptLoss=yes', 'invalid_parameter'],
    ['acceptLoss=true&acceptLoss=true', 'invalid_parameter'],
    ['force=true', 'invalid_parameter'],
  ])('refuses %s', async (query, code) => {
    const { url } = await start();
    expect(codeOf(await post(url, `/internal/remove/n2?${query}`))).toBe(code);
  });

  it.each(['unknown_node', 'node_in_use', 'not_committed'] as const)('passes %s on', async (code) => {
    const { url, stub } = await start();
    stub.refusal = requestError(code);
    expect(codeOf(await post(url, '/internal/remove/n2?acceptLoss=true'))).toBe(code);
  });

  it('leaves a line in the log', async () => {
    const { url, logged } = await start();
    await post(url, '/internal/remove/n2?acceptLoss=true');
    expect(logged).toMatchObject([{ level: 'warn', fields: { target: 'n2', outcome: 'epoch 2' } }]);
  });
});

describe('what steers a cluster', () => {
  const VERBS = ['/internal/repair', '/internal/remove/n2?acceptLoss=true'];

  it.each(VERBS)(
    '%s: nothing that a page of another site can send without leave is carried out',
    async (verb) => {
      const { url, stub } = await start();
      const simple = [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'application/jsonp',
      ];
      for (const type of simple) {
        const reply = await post(url, verb, { headers: { 'Content-Type': type } });
        expect([reply.status, codeOf(reply)]).toEqual([415, 'unsupported_media_type']);
      }
      expect(codeOf(await post(url, verb, {}))).toBe('unsupported_media_type');
      const preflight = await fetch(`${url}${verb}`, { method: 'OPTIONS' });
      expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([405, null]);
      expect([stub.hurried, stub.removed]).toEqual([[], []]);
    },
  );

  it.each(VERBS)('%s: a body is refused rather than ignored', async (verb) => {
    const { url, stub } = await start();
    expect(codeOf(await post(url, verb, { headers: JSON_TYPE, body: '{}' }))).toBe('invalid_body');
    expect([stub.hurried, stub.removed]).toEqual([[], []]);
  });

  it.each(VERBS)('%s answers to POST only', async (verb) => {
    const { url } = await start();
    const reply = await fetch(`${url}${verb}`);
    expect([reply.status, reply.headers.get('allow')]).toEqual([405, 'POST']);
  });
});
