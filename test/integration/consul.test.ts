import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { makeCertificate } from '../../scripts/services/certificates.js';
import { consulPorts, startConsul, startConsulServers } from '../../scripts/services/consul.js';
import { consulHttp } from '../../scripts/services/consulHttp.js';
import { waitUntil } from '../../scripts/support/processes.js';
import { useStage } from '../e2e/support/stage.js';
import { describeWithServices } from './support/required.js';

const stage = useStage();

const SERVICE = { Name: 'rondo', ID: 'node1', Address: '127.0.0.1', Port: 8081 };

describeWithServices('Consul servers of our own', ['consul'], () => {
  it('with ACL and TLS: the token of a node may do what a node needs and no more; kept over a restart', async () => {
    const tls = makeCertificate(join(stage.folder, 'tls'), 'server', ['DNS:server.dc1.consul']);
    const options = { folder: stage.folder, ports: consulPorts(stage.ports.first), acl: true, tls };
    const first = await startConsul(options);
    stage.cleanup.defer('end Consul', () => first.stop());
    const ca = readFileSync(tls.caFile, 'utf8');
    const token = readFileSync(first.nodeTokenFile!, 'utf8');
    const node = consulHttp({ url: first.url, token, ca });
    await node.call('PUT', '/v1/agent/service/register', SERVICE);
    expect(await node.call('PUT', '/v1/kv/rondo/cluster?cas=0', { epoch: 1 })).toBe('true');
    expect(JSON.parse(await node.call('GET', '/v1/health/service/rondo'))).toHaveLength(1);
    await expect(node.call('PUT', '/v1/kv/other', 'x')).rejects.toThrow(/403/);
    await expect(node.call('PUT', '/v1/agent/service/register', { Name: 'other' })).rejects.toThrow(/403/);

    const anybody = consulHttp({ url: first.url, ca });
    expect(JSON.parse(await anybody.call('GET', '/v1/catalog/service/rondo'))).toHaveLength(1);
    await expect(anybody.call('GET', '/v1/kv/rondo/cluster')).rejects.toThrow(/403|404/);
    await expect(anybody.call('PUT', '/v1/agent/service/register', SERVICE)).rejects.toThrow(/403/);

    first.kill('SIGKILL');
    await first.stop();
    const second = await startConsul(options);
    stage.cleanup.defer('end Consul', () => second.stop());
    expect(JSON.parse(await node.call('GET', '/v1/kv/rondo/cluster'))).toHaveLength(1);
  }, 120_000);

  it('three of them take writes while one is dead, and not when two are', async () => {
    const { first } = stage.ports;
    const ports = [0, 4, 8].map((offset) => consulPorts(first + offset));
    const servers = await startConsulServers({ folder: stage.folder }, ports);
    stage.cleanup.defer('end Consul', async () => {
      for (const server of servers) await server.stop();
    });
    const [one, two, three] = servers;
    three!.kill('SIGKILL');
    const isWritten = (): Promise<boolean> =>
      one!.http.call('PUT', '/v1/kv/rondo/x', 'x').then(
        (answer) => answer === 'true',
        () => false,
      );
    await waitUntil('a majority takes writes', isWritten, 30_000);
    two!.kill('SIGKILL');
    await two!.stop();
    expect(await isWritten()).toBe(false);
  }, 120_000);
});
