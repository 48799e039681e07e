import { describe, expect, it } from '@jest/globals';
import {
  fileKey,
  localPath,
  manifestKey,
  parentFolders,
  pathDanger,
} from '../../../services/cli/files/paths.js';

describe('paths of a manifest', () => {
  it.each(['a', 'a/b.txt', '.hidden', '..a/b..', '...', 'a b/ü', 'back\\slash', '\xff\xfe'])(
    'may be written: %j',
    (path) => {
      expect(pathDanger(path)).toBeUndefined();
    },
  );

  it.each([
    '',
    '/etc/passwd',
    '..',
    '../a',
    'a/../../b',
    'a/..',
    './a',
    'a/./b',
    'a//b',
    'a/',
    'a\0b',
    'a'.repeat(4097),
  ])('are refused: %j', (path) => {
    expect(pathDanger(path)).toBeDefined();
  });

  it('have their folders made from the outermost inwards', () => {
    expect(parentFolders('a/b/c')).toEqual(['a', 'a/b']);
    expect(parentFolders('c')).toEqual([]);
  });
});

describe('keys of files', () => {
  it('are the bytes of the prefix and the path, whatever their encoding', () => {
    expect(fileKey('ü/', '\xff')).toEqual(Buffer.from([0xc3, 0xbc, 0x2f, 0xff]));
    expect(localPath(Buffer.from('/r'), '\xff')).toEqual(Buffer.from([0x2f, 0x72, 0x2f, 0xff]));
  });

  it('never meet the manifest, for no path holds a NUL', () => {
    expect(manifestKey('p/').includes(0)).toBe(true);
  });
});
