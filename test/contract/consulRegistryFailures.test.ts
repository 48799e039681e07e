import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCertificate } from '../../scripts/services/certificates.js';
import type { NodeId } from '../../services/node/core/types.js';
import { describeWithServices } from '../integration/support/required.js';
import { type ConsulNode, openConsulNode, registrationAt } from './support/consulNodes.js';
import { startTestConsul, type TestConsul } from './support/consulServer.js';
import { eventually } from './support/mailbox.js';

/** What only a real Consul does. */

jest.setTimeout(60_000);

const opened: ConsulNode[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ registry }) => registry.close()));
});

async function open(...[url, options]: Parameters<typeof openConsulNode>): Promise<ConsulNode> {
  const node = await openConsulNode(url, options);
  opened.push(node);
  return node;
}

const passes = ({ seen }: ConsulNode, id: string): boolean =>
  seen.nodes.some(({ node, passing }) => node === id && passing);

describeWithServices('a registry on a real Consul', ['consul'], () => {
  describe('without ACL', () => {
    let consul: TestConsul;

    beforeAll(async () => {
      consul = await startTestConsul();
    });

    afterAll(() => consul.dispose());

    it('killed and started again: the document is kept, the node is told, and registered again', async () => {
      const a = await open(consul.server.url);
      a.registry.register(registrationAt(consul.httpAddress));
      await eventually('a passes', () => passes(a, 'a'));
      expect(await a.swap(0, 'kept')).toBe('stored');
      await consul.kill();
      await eventually('it is noticed', () => !a.registry.state().reachable);
      expect(await a.read()).toEqual({ status: 'failed' });
      expect(await a.swap(0, 'x')).toBe('failed');
      const { changes } = a.seen;
      expect(passes(a, 'a')).toBe(true);
      await consul.start();
      await eventually('a is told', () => a.seen.changes > changes);
      expect(await a.read()).toMatchObject({ text: 'kept' });
      await eventually('a is registered', () => a.registry.state().registered);
      const b = await open(consul.server.url, { self: 'b' as NodeId });
      await eventually('a passes again', () => passes(b, 'a'));
      const words = a.telemetry.lines.filter(({ level }) => level === 'warn');
      expect(words).toHaveLength(1);
    });

    it('a registration that somebody removed or changed is made again', async () => {
      const a = await open(consul.server.url);
      const registration = registrationAt(consul.httpAddress, { zone: 'here' });
      a.registry.register(registration);
      await eventually('a is registered', () => a.registry.state().registered);
      const { http } = consul.server;
      const metaOf = async (): Promise<string> => {
        const services = JSON.parse(await http.call('GET', '/v1/agent/services')) as Held;
        return services['a']?.Meta['zone'] ?? '';
      };
      await http.call('PUT', '/v1/agent/service/register', {
        ID: 'a',
        Name: 'rondo',
        Meta: { zone: 'there' },
      });
      await settles(async () => (await metaOf()) === 'here');
      await http.call('PUT', '/v1/agent/service/deregister/a');
      await settles(async () => (await metaOf()) === 'here');
    });

    it('has the tokens of 4,096 partitions whole, and nothing that would end the registration by itself', async () => {
      const a = await open(consul.server.url);
      const tokens = Array.from({ length: 4096 }, (_, i) => i % 4 === 0);
      a.registry.register(registrationAt(consul.httpAddress, { tokens, epoch: 7, weight: 3 }));
      await eventually('a is registered', () => a.registry.state().registered);
      const services = JSON.parse(await consul.server.http.call('GET', '/v1/agent/services')) as Held;
      expect(services['a']?.Meta).toEqual({
        ...{ actor: '0011223344556677', busAddress: '127.0.0.1:7000', zone: 'z', weight: '3', epoch: '7' },
        ...{ tokens0: '8'.repeat(512), tokens1: '8'.repeat(512) },
      });
      expect(await consul.server.http.call('GET', '/v1/agent/checks')).not.toMatch(/deregister/i);
    });

    it('entries that are no nodes of ours are left out and counted', async () => {
      const { http } = consul.server;
      await http.call('PUT', '/v1/agent/service/register', { ID: 'junk', Name: 'rondo' });
      const a = await open(consul.server.url);
      a.registry.register(registrationAt(consul.httpAddress));
      await eventually('a passes', () => passes(a, 'a'));
      expect(a.seen.nodes.map(({ node }) => node)).toEqual(['a']);
      expect(a.telemetry.total('rondo_registry_rejected_total', { reason: 'address' })).toBeGreaterThan(0);
      await http.call('PUT', '/v1/agent/service/deregister/junk');
    });

    it('a node whose check fails is told as such, and stays in the list', async () => {
      const a = await open(consul.server.url);
      const b = await open(consul.server.url, { self: 'b' as NodeId });
      a.registry.register(registrationAt(consul.httpAddress));
      await eventually('a passes', () => passes(b, 'a'));
      a.registry.register(registrationAt('127.0.0.1:1'));
      await eventually('a fails', () => !passes(b, 'a'));
      expect(b.seen.nodes.map(({ node }) => node)).toEqual(['a']);
    });
  });

  describe('with ACL and TLS', () => {
    let consul: TestConsul;
    let caFile: string;

    beforeAll(async () => {
      consul = await startTestConsul((folder) => ({
        acl: true,
        tls: makeCertificate(join(folder, 'tls'), 'server', ['DNS:server.dc1.consul']),
      }));
      caFile = join(consul.folder, 'tls', 'ca.pem');
    });

    afterAll(() => consul.dispose());

    async function tokenFileWith(text: string): Promise<string> {
      const file = join(consul.folder, 'rotated');
      await writeFile(file, text);
      return file;
    }

    it('a wrong token fails everything, and the right one, once it is in the file, works without a restart', async () => {
      const tokenFile = await tokenFileWith('11111111-2222-3333-4444-555555555555');
      const a = await open(consul.server.url, { tokenFile, caFile });
      a.registry.register(registrationAt(consul.httpAddress));
      expect(await a.read()).toEqual({ status: 'failed' });
      expect(await a.swap(0, 'text')).toBe('failed');
      await eventually('it is said', () => a.telemetry.lines.some(({ level }) => level === 'warn'));
      expect(a.registry.state()).toEqual({ reachable: false, registered: false });
      const good = await readFile(consul.server.nodeTokenFile ?? '', 'utf8');
      await writeFile(tokenFile, good);
      await eventually('it is reached', () => a.registry.state().reachable);
      expect(await a.swap(0, 'text')).toBe('stored');
      expect(await a.read()).toMatchObject({ text: 'text' });
      await eventually('a passes', () => passes(a, 'a'));
      expect(JSON.stringify(a.telemetry.lines)).not.toContain(good.trim());
    });

    it('no token at all: nothing is read, and nothing is stored', async () => {
      const a = await open(consul.server.url, { caFile });
      expect(await a.read()).not.toMatchObject({ text: 'text' });
      expect(await a.swap(0, 'other')).toBe('failed');
    });

    it.each(['the authority is not known', 'the other side speaks no TLS'])(
      'nothing is asked where %s, and the token stays here',
      async (which) => {
        const url = which.includes('authority') ? consul.server.url : `https://${consul.httpAddress}`;
        const tokenFile = consul.server.nodeTokenFile ?? '';
        const a = await open(url, which.includes('authority') ? { tokenFile } : { tokenFile, caFile });
        expect(await a.read()).toEqual({ status: 'failed' });
        await eventually(
          'it is counted',
          () => a.telemetry.total('rondo_registry_requests_total', { request: 'watch', result: 'tls' }) > 0,
        );
      },
    );

    it('a file of the authority that is not there is an error from the start', async () => {
      const absent = join(consul.folder, 'absent.pem');
      await expect(open(consul.server.url, { caFile: absent })).rejects.toThrow(/absent[.]pem/);
    });
  });
});

type Held = Readonly<Record<string, { readonly Meta: Readonly<Record<string, string>> }>>;

async function settles(condition: () => Promise<boolean>): Promise<void> {
  let holds = false;
  let stopped = false;
  const poll = async (): Promise<void> => {
    while (!holds && !stopped) holds = await condition();
  };
  const polling = poll();
  await eventually('it settles', () => holds).finally(() => (stopped = true));
  await polling;
}
