import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  comparePaths,
  decodeManifest,
  encodeManifest,
  ManifestError,
} from '../../../services/cli/files/manifest.js';

const sha256 = '0123456789abcdef'.repeat(4);
const bytesAsText = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));

describe('manifest', () => {
  it('comes back with every path, bytes of any kind, sorted by them', () => {
    fc.assert(
      fc.property(fc.uniqueArray(bytesAsText), fc.nat(), (paths, size) => {
        const entries = paths.map((path) => ({ path, size, sha256 }));
        const sorted = entries.toSorted((a, b) => comparePaths(a.path, b.path));
        expect(decodeManifest(encodeManifest(entries))).toEqual(sorted);
      }),
    );
  });

  it('is the same bytes whatever order the files were finished in', () => {
    const [a, b] = ['a', 'b'].map((path) => ({ path, size: 1, sha256 }));
    expect(encodeManifest([a!, b!])).toEqual(encodeManifest([b!, a!]));
  });

  it('shows an ordinary path as text and one that is not UTF-8 as base64', () => {
    const lines = encodeManifest([
      { path: Buffer.from('über.txt').toString('latin1'), size: 1, sha256 },
      { path: '\xff', size: 2, sha256 },
    ]);
    expect(lines.toString()).toContain('"path":"über.txt"');
    expect(lines.toString()).toContain('"pathBase64":"/w=="');
  });

  it('of no files is empty and comes back as no files', () => {
    expect(decodeManifest(encodeManifest([]))).toEqual([]);
  });

  const good = JSON.stringify({ path: 'a', size: 1, sha256 });
  it.each([
    ['cut in the middle', good],
    ['not JSON', 'x\n'],
    ['a list', '[1]\n'],
    ['null', 'null\n'],
    ['without a path', `{"size":1,"sha256":"${sha256}"}\n`],
    ['of a negative size', `{"path":"a","size":-1,"sha256":"${sha256}"}\n`],
    ['of a broken size', `{"path":"a","size":1.5,"sha256":"${sha256}"}\n`],
    ['with a short hash', '{"path":"a","size":1,"sha256":"ab"}\n'],
    ['with a path twice', `${good}\n${good}\n`],
    ['with an empty line', `${good}\n\n`],
  ])('is refused where it is %s', (_, text) => {
    expect(() => decodeManifest(Buffer.from(text))).toThrow(ManifestError);
  });
});
