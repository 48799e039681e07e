import type { Cell } from './measure.js';
import type { RequestKind } from './requests.js';
import { median, ratiosTo, type Summary } from './summary.js';

/** What Rondo is held against, and how fast it has to be: shares of the other's throughput in the same round. */
export interface Target {
  readonly subject: string;
  readonly against: string;
  readonly kind: RequestKind;
  readonly first: number;
  readonly goal: number;
  /** Whether the slowest requests may take no longer than the other's. */
  readonly p99NoWorse: boolean;
}

/** How it came out. */
export interface Verdict {
  readonly target: Target;
  /** One for each round that has both. */
  readonly ratios: readonly number[];
  readonly ratio: number;
  readonly p99Ms: readonly [own: number, other: number];
  readonly reached: 'goal' | 'first step' | 'short';
  /** Absent where that is not asked. */
  readonly p99IsNoWorse?: boolean;
}

const TARGETS: readonly Target[] = [
  { ...againstBare(), kind: 'get', first: 0.3, goal: 0.45 },
  { ...againstBare(), kind: 'put', first: 0.18, goal: 0.25 },
  { ...againstEtcd(), kind: 'get', first: 1.5, goal: 2 },
  { ...againstEtcd(), kind: 'put', first: 0.9, goal: 1.2 },
];

function againstBare(): Pick<Target, 'subject' | 'against' | 'p99NoWorse'> {
  return { subject: 'rondo', against: 'bare', p99NoWorse: false };
}

function againstEtcd(): Pick<Target, 'subject' | 'against' | 'p99NoWorse'> {
  return { subject: 'rondo-amqp', against: 'etcd', p99NoWorse: true };
}

/** Of the targets of which both sides were measured. */
export function judge(
  cells: readonly Cell[],
  summaries: readonly Summary[],
  targets: readonly Target[] = TARGETS,
): readonly Verdict[] {
  return targets.flatMap((target) => {
    const { subject, against, kind } = target;
    const find = (name: string) => summaries.find((one) => one.kind === kind && one.subject === name);
    const [own, other] = [find(subject), find(against)];
    const ratios = ratiosTo(
      cells,
      against,
      cells.filter((cell) => cell.kind === kind && cell.subject === subject),
    );
    return own && other && ratios.length > 0 ? [verdictOf(target, ratios, [own.p99Ms, other.p99Ms])] : [];
  });
}

function verdictOf(target: Target, ratios: readonly number[], p99Ms: Verdict['p99Ms']): Verdict {
  const ratio = median(ratios);
  const reached = ratio >= target.goal ? 'goal' : ratio >= target.first ? 'first step' : 'short';
  const p99 = target.p99NoWorse ? { p99IsNoWorse: p99Ms[0] <= p99Ms[1] } : {};
  return { target, ratios, ratio, p99Ms, reached, ...p99 };
}
