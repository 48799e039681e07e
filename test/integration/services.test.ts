import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { readState } from '../../scripts/services/state.js';
import { builtProgram } from '../../scripts/support/nodes.js';
import { identityOf } from '../../scripts/support/processes.js';
import { useStage } from '../e2e/support/stage.js';
import { describeWithServices } from './support/required.js';

const stage = useStage();

interface Run {
  readonly code: number;
  readonly output: string;
}

function services(...args: readonly string[]): Promise<Run> {
  const { folder, ports } = stage;
  const place = ['--folder', folder, '--ports', String(ports.first), '--endpoint', String(ports.first + 12)];
  const command = [join(builtProgram(), 'scripts/services/main.js'), ...place, ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { timeout: 90_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: `${stdout}${stderr}` });
    });
  });
}

describeWithServices('npm run services', ['rabbitmq', 'consul', 'haproxy'], () => {
  it('start, status, reload and stop: each says what it does, does it once, and ends only what it started', async () => {
    stage.cleanup.defer('stop the services', async () => {
      await services('stop');
    });
    expect(await services('status')).toMatchObject({
      code: 1,
      output: expect.stringMatching(/consul +down/),
    });
    expect(await services('stop')).toMatchObject({ code: 0 });
    expect(await services('reload')).toMatchObject({
      code: 1,
      output: expect.stringContaining('does not run'),
    });

    expect(await services('start')).toMatchObject({ code: 0 });
    const pids = processesNow();
    expect(pids.map(({ name }) => name).sort()).toEqual(['consul', 'epmd', 'haproxy', 'rabbitmq']);
    expect(await services('start')).toMatchObject({
      code: 0,
      output: expect.stringContaining('already running'),
    });
    expect(processesNow()).toEqual(pids);
    const { code, output } = await services('status');
    expect({ code, running: output.match(/running/g) }).toEqual({
      code: 0,
      running: ['running', 'running', 'running'],
    });
    expect(output).toContain(`http://127.0.0.1:${String(stage.ports.first + 12)}`);
    expect(await services('reload')).toMatchObject({ code: 0 });

    const consul = pids.find(({ name }) => name === 'consul')!;
    process.kill(consul.pid, 'SIGKILL');
    expect(await services('status')).toMatchObject({ code: 1 });
    expect(await services('start', 'consul')).toMatchObject({ code: 0 });
    const again = processesNow();
    expect(again.filter(({ name }) => name !== 'consul')).toEqual(
      pids.filter(({ name }) => name !== 'consul'),
    );
    expect(again.find(({ name }) => name === 'consul')).not.toEqual(consul);

    expect(await services('stop')).toMatchObject({ code: 0 });
    expect(again.filter(({ pid, identity }) => identityOf(pid) === identity)).toEqual([]);
    expect(await services('stop')).toMatchObject({
      code: 0,
      output: expect.stringContaining('does not run'),
    });
  }, 180_000);
});

function processesNow() {
  return readState(stage.folder)
    .flatMap(({ processes }) => processes)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
