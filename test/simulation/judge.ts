import type { ClusterDocument, Key } from '../../services/node/core/types.js';
import { EMPTY_CLOCK, mergeClocks } from '../../services/node/core/versioning/clock.js';
import { checkCompleteness, checkDurability, checkPunctuality } from './checkers/answers.js';
import { checkConvergence, isForgetting } from './checkers/convergence.js';
import { createDocumentChecker } from './checkers/documents.js';
import { createRebuildChecker } from './checkers/rebuilds.js';
import { createDotLedger } from './checkers/dots.js';
import { createHistoryChecker } from './checkers/history.js';
import { createDirectoryChecker } from './checkers/directories.js';
import { createHintChecker } from './checkers/hints.js';
import { createMintChecker } from './checkers/mints.js';
import { createReadChecker } from './checkers/reads.js';
import type { Scene, Violation } from './checkers/scene.js';
import { createStoredChecker } from './checkers/stored.js';
import { checkReaped, createTombstoneChecker } from './checkers/tombstones.js';
import { createWireChecker } from './checkers/wire.js';
import type { Machine, Witness } from './machine.js';
import type { Plan } from './plan.js';
import type { SimulatedRegistry } from './registry.js';
import type { Answer, Request, WriteIntent } from './requests.js';

/** Everything that watches a simulation, and what it found. */
export interface Judge {
  readonly witness: Witness;
  readonly violations: readonly Violation[];
  sent(request: Request): void;
  answered(machine: Machine, request: Request, answer: Answer): void;
  /** A read of all complete replicas after everything was healed. */
  final(request: Request, answer: Answer): void;
  /** A process that was left alone: nothing may be left of its requests (I11). */
  atRest(machine: Machine): void;
  /** Replicas differ, by what some of them have just forgotten and the others are about to: nothing else. */
  isForgetting(machines: readonly Machine[], keys: readonly Key[]): boolean;
  /** Everything was well for long enough. */
  converged(machines: readonly Machine[], keys: readonly Key[], registry?: SimulatedRegistry): void;
  conclude(): void;
  /** Requests that no answer came to. */
  unanswered(): number;
}

/** More would not say more. */
const VIOLATIONS_MAX = 20;

export function createViolations(
  nowMs: () => number,
): Pick<Scene, 'report'> & { readonly list: Violation[] } {
  const list: Violation[] = [];
  return {
    list,
    report: (promise, detail) => {
      if (list.length < VIOLATIONS_MAX) list.push({ promise, atMs: nowMs(), detail });
    },
  };
}

export function createJudge(
  scene: Scene,
  plan: Plan,
  founded: () => ClusterDocument,
  violations: readonly Violation[],
): Judge {
  const dots = createDotLedger(scene.report);
  const wire = createWireChecker(scene, dots, plan.limits);
  const history = createHistoryChecker(scene, dots);
  const intents = new Map<string, WriteIntent>();
  const mints = createMintChecker(scene, dots, intents);
  const reads = createReadChecker(scene);
  const hints = createHintChecker(scene, plan.limits.cellBytesMax);
  const disks = createDirectoryChecker(scene);
  const documents = createDocumentChecker(scene, founded);
  const rebuilds = createRebuildChecker(scene);
  const tombstones = createTombstoneChecker(scene, dots, plan);
  const stored = createStoredChecker(scene, plan.nodes);
  const open = new Set<number>();
  return {
    violations,
    witness: {
      stepped: ({ id, directory }, event, effects, sizes) => {
        const step = { node: id, directory, event, effects, ...(sizes && { sizes }) };
        wire.stepped(step);
        mints.stepped(step);
        for (const checker of [reads, hints, disks, documents, rebuilds, tombstones, stored])
          checker.stepped(step);
      },
      durable: (directory, key, record) => {
        const before = directory.witnessed.get(key) ?? EMPTY_CLOCK;
        directory.witnessed.set(key, mergeClocks(before, record.clock));
        dots.note(key, record, () => `on the disk of ${directory.node}`);
        disks.durable(directory, key, record);
      },
      changed: (directory, change) => {
        if (change.type === 'renounce') directory.lostAtMs = scene.nowMs();
        hints.changed(directory, change);
      },
      refused: (directory, change) => {
        hints.refused(directory, change);
      },
      ended: (directory) => {
        hints.ended(directory);
      },
      broke: ({ id }, error) => {
        scene.report('crash', `${id} threw ${error instanceof Error ? String(error.stack) : String(error)}`);
      },
    },
    sent: (request) => {
      open.add(request.n);
      if (request.write) {
        intents.set(request.write.value, request.write);
        if (request.write.requestId !== undefined) intents.set(request.write.requestId, request.write);
      }
      history.sent(request);
    },
    answered: (machine, request, answer) => {
      open.delete(request.n);
      checkPunctuality(scene, machine, request, answer, plan.requestTimeoutMs);
      checkDurability(scene, dots, request, answer);
      checkCompleteness(scene, request, answer);
      history.answered(request, answer);
    },
    final: (request, answer) => {
      history.final(request, answer);
    },
    atRest: (machine) => {
      checkRest(scene, machine);
      hints.atRest(machine);
      disks.atRest(machine);
    },
    isForgetting: (machines, keys) => {
      return isForgetting(scene, machines, keys, { ...plan.limits, graceMs: plan.tombstoneGraceMs });
    },
    converged: (machines, keys, registry) => {
      if (registry) stored.converged(registry, machines);
      checkConvergence(scene, machines, keys, plan.limits.cellBytesMax);
      checkReaped(scene, machines, keys, plan.tombstoneGraceMs);
    },
    conclude: () => {
      history.conclude();
    },
    unanswered: () => open.size,
  };
}

function checkRest(scene: Scene, { id, life }: Machine): void {
  if (!life) return;
  // What is left of hints and damaged keys is judged by itself: some can never be delivered, or mended.
  const { hints: _hints, damagedKeys: _damagedKeys, ...sizes } = life.node.sizes();
  if (Object.values(sizes).some((size) => size !== 0)) {
    scene.report('I11', `${id} still holds ${JSON.stringify(sizes)} when all its requests are over`);
  }
  if (life.clock.timers !== 1) scene.report('I11', `${id} has ${String(life.clock.timers)} timers at rest`);
}
