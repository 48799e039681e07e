import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import { newCleanup, type Cleanup } from '../../../scripts/support/cleanup.js';
import { reservePorts, type PortBlock } from '../../../scripts/support/ports.js';
import { prepareSeparate, type SeparateCluster } from '../../../scripts/support/separate.js';
import { startSupervised, type SupervisedCluster } from '../../../scripts/support/supervised.js';

/** What every test of real processes gets anew, and what is gone when it ends, passed or not. */
export interface Stage {
  folder: string;
  ports: PortBlock;
  cleanup: Cleanup;
}

/** Real services take their time to end. */
const CLEANUP_TIMEOUT_MS = 60_000;

/** Sets the stage before each test of the file. */
export function useStage(): Stage {
  const stage = {} as Stage;
  beforeEach(async () => {
    stage.cleanup = newCleanup();
    stage.folder = mkdtempSync(join(tmpdir(), 'rondo-e2e-'));
    stage.cleanup.defer('remove the folder', () => rmSync(stage.folder, { recursive: true, force: true }));
    stage.ports = await reservePorts();
    stage.cleanup.defer('release the ports', () => stage.ports.release());
  });
  afterEach(() => stage.cleanup.run(), CLEANUP_TIMEOUT_MS);
  return stage;
}

/** `rondo start` on the stage's folder and ports; may be called again after a stop. */
export function supervised(stage: Stage, flags: readonly string[] = []): SupervisedCluster {
  const cluster = startSupervised({ folder: stage.folder, ports: stage.ports, flags });
  cluster.ready.catch(() => undefined);
  stage.cleanup.defer('end the cluster', () => cluster.killAll());
  return cluster;
}

/** Three single node processes that reach each other over proxies; started and ready. */
export async function separateWithProxies(stage: Stage): Promise<SeparateCluster> {
  const { folder, ports, cleanup } = stage;
  const cluster = await prepareSeparate({ folder, ports, cleanup, proxies: true });
  for (const node of cluster.nodes) node.start();
  await cluster.waitReady();
  return cluster;
}
