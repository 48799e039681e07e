import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isNodeName } from '../../../services/node/config/options.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { chooseNodeId } from '../../../services/node/main/nodeName.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rondo-node-name-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const choose = (given = '', byte = 0xab): Promise<NodeId> =>
  chooseNodeId(join(folder, 'data'), given as NodeId | '', {
    bytes: (count) => new Uint8Array(count).fill(byte),
  });

describe('the name of a node', () => {
  it('is the given one, and stays with the data directory', async () => {
    expect(await choose('one')).toBe('one');
    expect(await choose()).toBe('one');
    expect(await choose('one')).toBe('one');
    expect(JSON.parse(await readFile(join(folder, 'data', 'node.json'), 'utf8'))).toEqual({ nodeId: 'one' });
  });

  it('is made from the host and a random part where none is given, once', async () => {
    const name = await choose('', 0xab);
    expect(name).toMatch(/-ababab$/);
    expect(isNodeName(name)).toBe(true);
    expect(
      name.startsWith(
        hostname()
          .slice(0, 1)
          .replace(/[^A-Za-z0-9]/, 'n'),
      ),
    ).toBe(true);
    expect(await choose('', 0xcd)).toBe(name);
  });

  it('is not taken from the data of another node', async () => {
    await choose('one');
    await expect(choose('two')).rejects.toThrow('holds the data of one, not of two');
    expect(await choose()).toBe('one');
  });

  it.each(['', '{', 'null', '{}', '{"nodeId":7}', '{"nodeId":"a,b"}'])(
    'has to be given again where its file reads %j',
    async (content) => {
      await choose('one');
      await writeFile(join(folder, 'data', 'node.json'), content);
      await expect(choose()).rejects.toThrow('--node-id');
      expect(await choose('one')).toBe('one');
      expect(await choose()).toBe('one');
    },
  );
});
