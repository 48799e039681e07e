import { connect } from 'node:tls';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { makeCertificate } from '../../scripts/services/certificates.js';
import { rabbitmqPorts, startRabbitmq } from '../../scripts/services/rabbitmq.js';
import { isAlive } from '../../scripts/support/processes.js';
import { useStage } from '../e2e/support/stage.js';
import { describeWithServices } from './support/required.js';

const stage = useStage();

describeWithServices('a broker of our own', ['rabbitmq'], () => {
  it('takes connections with TLS and without, restarts in its folder after SIGKILL, and leaves nothing', async () => {
    const tls = makeCertificate(join(stage.folder, 'tls'), 'broker');
    const options = { folder: stage.folder, ports: rabbitmqPorts(stage.ports.first), tls };
    const first = await startRabbitmq(options);
    stage.cleanup.defer('end the broker', () => first.stop());
    expect(await greetOverTls(options.ports.amqp, readFileSync(tls.caFile))).toBe(1);
    await first.ctl(['add_vhost', 'kept']);
    first.kill('SIGKILL');
    await first.stop();

    const plain = { folder: stage.folder, ports: options.ports };
    const second = await startRabbitmq(plain);
    stage.cleanup.defer('end the broker', () => second.stop());
    expect(second.url).toBe(first.url.replace('amqps:', 'amqp:'));
    expect((await second.ctl(['list_vhosts', '--silent'])).trim().split('\n').sort()).toEqual([
      'kept',
      'rondo',
    ]);
    await expect(startRabbitmq(options)).rejects.toThrow(/is taken/);
    await second.stop();
    const pids = [first, second].flatMap(({ processes }) => processes.map(({ started }) => started.pid));
    expect(pids.filter(isAlive)).toEqual([]);
  }, 120_000);
});

/** The type of the first frame that the broker sends. */
function greetOverTls(port: number, ca: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca }, () => {
      socket.write('AMQP\0\0\x09\x01', 'latin1');
    });
    socket.once('error', reject);
    socket.once('data', (bytes: Buffer) => {
      socket.destroy();
      resolve(bytes[0]);
    });
  });
}
