import type { DocumentView } from './cluster.js';
import { clip, count, printable, table } from './text.js';

/** The ring of a cluster document, in figures and drawn; 80 columns wide at most. */

export interface NodeShare {
  readonly node: string;
  readonly weight: number;
  readonly zone: string;
  /** Partitions whose token it owns. */
  readonly tokens: number;
  /** Part of the ring, 0 to 1. */
  readonly share: number;
  /** What its weight would make it, 0 to 1. */
  readonly fairShare: number;
  /** Partitions that it holds a replica of. */
  readonly placements: number;
}

export interface RingView {
  readonly epoch: number;
  readonly clusterId: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly nodes: readonly NodeShare[];
  /** For each partition the index into `nodes` of its token's owner. */
  readonly owners: readonly number[];
}

export function ringOf(document: DocumentView): RingView {
  const { epoch, clusterId, partitions, replicas, tokens } = document;
  const weights = document.nodes.reduce((sum, node) => sum + node.weight, 0);
  const owned = tallies(document.nodes.length, tokens);
  const placed = tallies(
    document.nodes.length,
    document.placement.flatMap((placement) => placement.now),
  );
  const nodes = document.nodes.map(({ id, weight, zone }, i) => ({
    ...{ node: id, weight, zone, tokens: owned[i] ?? 0 },
    share: partitions > 0 ? (owned[i] ?? 0) / partitions : 0,
    fairShare: weights > 0 ? weight / weights : 0,
    placements: placed[i] ?? 0,
  }));
  return { epoch, clusterId, partitions, replicas, nodes, owners: tokens };
}

function tallies(length: number, indexes: readonly number[]): number[] {
  const counts = Array.from({ length }, () => 0);
  for (const index of indexes) counts[index] = (counts[index] ?? 0) + 1;
  return counts;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const STRIP_WIDTH = 64;
const WIDTH = 80;
const BAR_WIDTH_MAX = 24;

/** `colour`: ANSI colours in the strip, which never change its letters. */
export function drawRing(ring: RingView, colour: boolean): string[] {
  const { partitions, replicas, epoch, clusterId } = ring;
  const head = `${count(partitions)} partitions, ${replicas} replicas, epoch ${epoch}, cluster ${printable(clusterId)}`;
  return [
    clip(head, WIDTH),
    '',
    ...shareTable(ring, colour),
    '',
    balanceLine(ring),
    '',
    ...strip(ring, colour),
  ];
}

function shareTable(ring: RingView, colour: boolean): string[] {
  const headings = ['', 'node', 'tokens', 'share', 'fair', 'replicas', 'weight', 'zone'];
  const align = ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'left'] as const;
  const rows = ring.nodes.map((node, i) => [
    letter(i),
    clip(printable(node.node), 16),
    ...[count(node.tokens), percent(node.share), percent(node.fairShare), count(node.placements)],
    ...[String(node.weight), clip(printable(node.zone), 10)],
  ]);
  const [head = '', ...lines] = table(headings, align, rows);
  const widest = Math.max(head.length, ...lines.map((line) => line.length));
  const barWidth = Math.max(4, Math.min(BAR_WIDTH_MAX, WIDTH - widest - 2));
  const most = Math.max(...ring.nodes.map((node) => node.share), Number.EPSILON);
  return [
    head,
    ...lines.map((line, i) => {
      const bar = '#'.repeat(Math.round((barWidth * (ring.nodes[i]?.share ?? 0)) / most));
      return `${line.padEnd(widest)}  ${painted(bar, i, colour)}`.trimEnd();
    }),
  ];
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)}%`;
}

/** How far the fullest and the emptiest node are from what their weight asks for. */
function balanceLine({ nodes, partitions }: RingView): string {
  const off = nodes.map((node) => node.tokens - node.fairShare * partitions);
  const [least, most] = [Math.min(...off), Math.max(...off)];
  const verdict = least > -1 && most < 1 ? 'balanced: every node within one token' : 'not balanced';
  return `${verdict} of its fair share (${signed(least)} to ${signed(most)} tokens)`;
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(1)}`;
}

function strip({ owners }: RingView, colour: boolean): string[] {
  const digits = String(owners.length).length;
  const rows = Array.from({ length: Math.ceil(owners.length / STRIP_WIDTH) }, (_, row) => {
    const part = owners.slice(row * STRIP_WIDTH, (row + 1) * STRIP_WIDTH);
    const cells = part.map((owner) => painted(letter(owner), owner, colour)).join('');
    return `${String(row * STRIP_WIDTH).padStart(digits)}  ${cells}`;
  });
  return ['Owner of each partition, clockwise:', ...rows];
}

/** Beyond 62 nodes letters run out. */
function letter(index: number): string {
  return LETTERS[index] ?? '*';
}

/** Colours of the 256-colour palette that are readable on black and on white. */
const PALETTE = [33, 208, 35, 199, 136, 99, 37, 160, 70, 129, 172, 67];

function painted(text: string, index: number, colour: boolean): string {
  return colour && text !== '' ? `\x1b[38;5;${PALETTE[index % PALETTE.length] ?? 33}m${text}\x1b[0m` : text;
}
