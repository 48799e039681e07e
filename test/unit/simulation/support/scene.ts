import type { Actor, Clock, Key, NodeId, VersionedRecord } from '../../../../services/node/core/types.js';
import { createDotLedger } from '../../../simulation/checkers/dots.js';
import { createHistoryChecker } from '../../../simulation/checkers/history.js';
import type { PromiseName, Scene, Violation } from '../../../simulation/checkers/scene.js';
import { type Directory, makeDirectory } from '../../../simulation/directory.js';
import { stream } from '../../../simulation/random.js';
import type { Answer, Request, WriteIntent } from '../../../simulation/requests.js';
import { encodeValue } from '../../../simulation/values.js';

export const KEY = 'key0' as Key;
export const NODES = ['n1', 'n2', 'n3'] as NodeId[];

/**
 * A scene made by hand: three nodes that hold every key. Versions are written as what they cover, "a1 b2" being the
 * dots a:1 and b:2.
 */
export function handMadeScene() {
  const violations: Violation[] = [];
  const time = { nowMs: 1000 };
  const directories = new Map(NODES.map((node) => [node, [madeFor(node)]]));
  const scene: Scene = {
    report: (promise, detail) => violations.push({ promise, atMs: time.nowMs, detail }),
    nowMs: () => time.nowMs,
    directories: () => [...directories.values()].flat(),
    directoriesOf: (node) => directories.get(node)!,
    currentDirectories: () => [...directories.values()].map((made) => made.at(-1)!),
    wallMs: () => 0,
    primaries: () => NODES,
    clockOf: (_key, version) => clock(version),
  };
  const dots = createDotLedger(scene.report);
  const broken = (): PromiseName[] => [...new Set(violations.map(({ promise }) => promise))];
  return { scene, dots, violations, broken, time, directories, ...handMadeHistory(scene, dots, time) };
}

function madeFor(node: NodeId): Directory {
  return { ...makeDirectory(node, true, stream('0', node)), actor: actorOf(node) };
}

/** n1 is a, n2 is b, n3 is c. */
function actorOf(node: NodeId): Actor {
  return 'abc'.charAt(NODES.indexOf(node)) as Actor;
}

export function clock(text: string): Clock {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ actor: word.charAt(0) as Actor, counter: Number(word.slice(1)), timestamp: 1 }));
}

/** A record with the given values by dot, e.g. { a1: 'w1' }; an empty name is a tombstone. */
export function record(
  siblings: Readonly<Record<string, string>>,
  known = Object.keys(siblings).join(' '),
): VersionedRecord {
  return {
    clock: clock(known),
    siblings: Object.entries(siblings).map(([dot, id]) => {
      const { actor, counter } = clock(dot)[0]!;
      return { dot: { actor, counter }, value: id === '' ? new Uint8Array() : encodeValue(id) };
    }),
    marks: [],
  };
}

function handMadeHistory(
  scene: Scene,
  dots: ReturnType<typeof createDotLedger>,
  time: { readonly nowMs: number },
) {
  const checker = createHistoryChecker(scene, dots);
  let n = 0;
  const send = (rest: Partial<Request>): Request => {
    const base = { client: 0, node: 0, key: KEY, wanted: 2, quorum: 'strict' as const };
    const request: Request = { ...base, ...rest, n: ++n, sentAtMs: time.nowMs };
    checker.sent(request);
    return request;
  };
  const answer = (request: Request, given: Partial<Answer>): Request => {
    checker.answered(request, { outcome: 'ok', code: 'ok', ...given });
    return request;
  };
  return {
    checker,
    send,
    answer,
    /** A write that is seen by the ledger under its dot and acknowledged with a version. */
    written: (value: string, dot: string, rest: Partial<WriteIntent> = {}, version = dot): Request => {
      dots.note(KEY, record({ [dot]: value }), () => 'by hand');
      return answer(send({ write: intent(value, rest) }), { version });
    },
    read: (version: string, values: readonly string[]): Request => answer(send({}), { version, values }),
  };
}

export function intent(value: string, rest: Partial<WriteIntent> = {}): WriteIntent {
  const base = { value, deletes: false, valueBytes: 0, from: 0, fromVersion: '' };
  return { ...base, onConflict: 'refuse', ...rest };
}
