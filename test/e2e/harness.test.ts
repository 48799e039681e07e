import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { copyWithoutSync } from '../../scripts/chaos/unsyncedProgram.js';
import { newCleanup } from '../../scripts/support/cleanup.js';
import { builtProgram } from '../../scripts/support/nodes.js';
import { resetSocket, startTcpProxy, type TcpProxy } from '../../scripts/support/tcpProxy.js';
import { useStage } from './support/stage.js';

const stage = useStage();

/** A server that sends everything back, behind a proxy. */
async function echoBehindProxy(): Promise<TcpProxy> {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await startTcpProxy(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  stage.cleanup.defer('close the server', () => new Promise((resolve) => server.close(() => resolve())));
  stage.cleanup.defer('close the proxy', () => proxy.close());
  return proxy;
}

interface Client {
  readonly socket: Socket;
  received(): string;
  readonly closed: Promise<string>;
}

function connectTo(proxy: TcpProxy): Client {
  const [host, port] = proxy.address.split(':');
  const socket = connect(Number(port), host);
  let received = '';
  let cause = 'ended';
  socket.on('data', (data) => (received += data.toString()));
  socket.on('error', (error: NodeJS.ErrnoException) => (cause = error.code ?? 'error'));
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(cause)));
  return { socket, received: () => received, closed };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Of this process, as the kernel counts them. */
function openSockets(): number {
  const links = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.startsWith('socket:')).length;
}

describe('a link that can be cut', () => {
  it('reset: connections are reset, new ones too, until it heals', async () => {
    const proxy = await echoBehindProxy();
    const before = connectTo(proxy);
    before.socket.write('a');
    await until(() => before.received() === 'a');
    proxy.cut('reset');
    expect(await before.closed).toBe('ECONNRESET');
    expect(await connectTo(proxy).closed).toBe('ECONNRESET');
    proxy.heal();
    const after = connectTo(proxy);
    after.socket.write('b');
    await until(() => after.received() === 'b');
  });

  it('silent: nothing passes and nobody is told; afterwards what was held back arrives', async () => {
    const proxy = await echoBehindProxy();
    const other = await echoBehindProxy();
    const client = connectTo(proxy);
    client.socket.write('a');
    await until(() => client.received() === 'a');
    proxy.cut('silent');
    client.socket.write('b');
    const late = connectTo(proxy);
    late.socket.write('c');
    const witness = connectTo(other);
    witness.socket.write('w');
    await until(() => witness.received() === 'w');
    expect(client.received()).toBe('a');
    expect(client.socket.destroyed).toBe(false);
    proxy.heal();
    await until(() => client.received() === 'ab');
    expect(await late.closed).toBe('ECONNRESET');
    expect(late.received()).toBe('');
  });

  it('a socket that is reset while its end is on its way is closed', async () => {
    const before = openSockets();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    socket.end('x');
    resetSocket(socket);
    accepted.destroy();
    server.close();
    await until(() => openSockets() <= before);
  });
});

describe('cleaning up', () => {
  it('undoes in reverse order, goes on after a failure and then tells of it', async () => {
    const cleanup = newCleanup();
    const undone: string[] = [];
    cleanup.defer('first', () => void undone.push('first'));
    cleanup.defer('second', () => Promise.reject(new Error('stuck')));
    cleanup.defer('third', () => void undone.push('third'));
    await expect(cleanup.run()).rejects.toThrow('second: stuck');
    expect(undone).toEqual(['third', 'first']);
  });

  it('what is deferred after it ran is undone at once', async () => {
    const cleanup = newCleanup();
    await cleanup.run();
    let undone = false;
    cleanup.defer('late', () => {
      undone = true;
    });
    await cleanup.run();
    expect(undone).toBe(true);
  });
});

describe('the program without fsync, the control of the power cut', () => {
  it('differs from the built one in exactly one place', () => {
    const copy = copyWithoutSync(builtProgram(), stage.folder);
    const path = 'services/node/adapters/level-storage/database.js';
    const [original, patched] = [builtProgram(), copy].map((folder) =>
      readFileSync(join(folder, path), 'utf8'),
    );
    expect(patched).toBe(original!.replace('sync: true', 'sync: false'));
    expect(patched).not.toBe(original);
  });

  it('is refused where the text to patch is not found as often as expected', () => {
    const program = join(stage.folder, 'other', 'dist');
    const adapters = join(program, 'services/node/adapters/level-storage');
    mkdirSync(adapters, { recursive: true });
    writeFileSync(join(program, '..', 'package.json'), '{}');
    writeFileSync(join(adapters, 'database.js'), 'batch(x, { sync: true }); batch(y, { sync: true });');
    expect(() => copyWithoutSync(program, stage.folder)).toThrow('stands 2 times');
  });
});
