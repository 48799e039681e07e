import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { startHaproxy } from '../../scripts/services/haproxy.js';
import { useStage } from '../e2e/support/stage.js';
import { describeWithServices } from './support/required.js';

const stage = useStage();

describeWithServices('HAProxy in a folder of the project', ['haproxy'], () => {
  it('starts, and is asked over its socket, though a path from the project is the shorter one', async () => {
    const { cleanup, ports } = stage;
    mkdirSync('.services', { recursive: true });
    const folder = mkdtempSync(join(process.cwd(), '.services', 'test-'));
    cleanup.defer('remove the folder', () => rmSync(folder, { recursive: true, force: true }));
    const haproxy = await startHaproxy({
      folder,
      ports: { clients: ports.first, stats: ports.first + 1 },
      consulDnsPort: ports.first + 2,
    });
    cleanup.defer('end HAProxy', () => haproxy.stop());
    await haproxy.reload();
    expect((await fetch(`${haproxy.url}/ready`)).status).toBe(503);
  }, 60_000);
});
