import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { runHints } from '../../scripts/chaos/hints.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 180_000;
const FILES = 600;

function makeTree(root: string): void {
  mkdirSync(join(root, 'sub'), { recursive: true });
  writeFileSync(join(root, 'three megabytes'), randomBytes(3 * 1024 * 1024));
  for (let index = 0; index < FILES; index++) {
    writeFileSync(join(root, 'sub', `file ${String(index)}`), randomBytes(1 + index * 17));
  }
}

describe('a folder imported through one node while another dies halfway', () => {
  it(
    'is whole without the dead one, and whole on that one alone when it has got its hints (R4)',
    async () => {
      const { folder, ports, cleanup } = stage;
      const tree = join(folder, 'tree');
      makeTree(tree);
      const { broken, hints } = await runHints({
        ...{ tree, folder: join(folder, 'nodes'), ports, cleanup },
        ...{ callTimeoutMs: 60_000, drainTimeoutMs: 60_000 },
        say: () => undefined,
      });
      expect(broken).toEqual([]);
      expect(hints.away).toBeGreaterThan(0);
      expect(hints.last).toBe(0);
    },
    TIMEOUT_MS,
  );
});
