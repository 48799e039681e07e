import { describe, expect, it } from '@jest/globals';
import type { DocumentView } from '../../../services/cli/view/cluster.js';
import { drawRing, ringOf } from '../../../services/cli/view/ring.js';

function documentOf(nodes: number, partitions: number, names = (i: number) => `node-${i + 1}`): DocumentView {
  const replicas = Math.min(3, nodes);
  return {
    ...{ epoch: 1, clusterId: 'c'.repeat(32), partitions, replicas },
    nodes: Array.from({ length: nodes }, (_, i) => ({
      ...{ id: names(i), httpAddress: `127.0.0.1:${8081 + i}`, weight: 1, zone: 'default' },
      ...{ busAddress: '', state: 'complete', actor: `actor${i + 1}` },
    })),
    tokens: Array.from({ length: partitions }, (_, p) => p % nodes),
    placement: Array.from({ length: partitions }, (_, p) => ({
      now: Array.from({ length: replicas }, (_, r) => (p + r) % nodes),
    })),
  };
}

/** The letters of the strip, without what stands before them. */
function stripOf(lines: readonly string[]): string {
  const start = lines.findIndex((line) => line.startsWith('Owner'));
  return lines
    .slice(start + 1)
    .map((line) => line.replace(/^ *\d+ {2}/, ''))
    .join('');
}

describe('ring', () => {
  it('counts tokens, share and placements of each node', () => {
    const ring = ringOf(documentOf(3, 256));
    expect(ring.nodes.map((node) => node.tokens)).toEqual([86, 85, 85]);
    expect(ring.nodes.map((node) => node.placements)).toEqual([256, 256, 256]);
    expect(ring.nodes.reduce((sum, node) => sum + node.share, 0)).toBeCloseTo(1);
  });

  it('shows one letter for every partition, its owner’s', () => {
    const document = documentOf(3, 256);
    const letters = stripOf(drawRing(ringOf(document), false));
    expect(letters).toBe(document.tokens.map((owner) => 'ABC'.charAt(owner)).join(''));
  });

  it.each([
    [1, 8],
    [3, 256],
    [5, 64],
    [60, 4096],
    [70, 4096],
  ])('fits 80 columns with %d nodes and %d partitions, whatever their names', (nodes, partitions) => {
    const long = documentOf(nodes, partitions, (i) => `a-node-with-a-very-long-name-${i}\x1b[2J`);
    const lines = drawRing(ringOf(long), false);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stripOf(lines)).toHaveLength(partitions);
    expect(lines.join('')).not.toContain('\x1b');
  });

  it('draws the fullest node’s bar longest', () => {
    const document = { ...documentOf(3, 8), tokens: [0, 0, 0, 0, 0, 1, 1, 2] };
    const bars = drawRing(ringOf(document), false).flatMap((line) => /#+$/.exec(line) ?? []);
    expect(bars[0]!.length).toBeGreaterThan(bars[1]!.length);
    expect(bars[1]!.length).toBeGreaterThan(bars[2]!.length);
  });

  it('calls k or k+1 tokens balanced, and anything else not', () => {
    expect(drawRing(ringOf(documentOf(3, 256)), false).join()).toContain(
      'balanced: every node within one token',
    );
    const skewed = { ...documentOf(3, 8), tokens: [0, 0, 0, 0, 0, 1, 1, 2] };
    expect(drawRing(ringOf(skewed), false).join()).toContain('not balanced');
  });

  it('measures balance by weight', () => {
    const document = documentOf(2, 8);
    const nodes = document.nodes.map((node, i) => ({ ...node, weight: i === 0 ? 3 : 1 }));
    const weighted = { ...document, nodes, tokens: [0, 0, 0, 1, 0, 0, 0, 1] };
    expect(ringOf(weighted).nodes.map((node) => node.fairShare)).toEqual([0.75, 0.25]);
    expect(drawRing(ringOf(weighted), false).join()).toContain('balanced: every node within');
  });

  it('in colour has the same letters', () => {
    const ring = ringOf(documentOf(3, 64));

    const plain = drawRing(ring, true).map((line) => line.replace(/\x1b\[[0-9;]*m/g, ''));
    expect(plain).toEqual(drawRing(ring, false));
  });
});
