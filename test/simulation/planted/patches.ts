import type { PromiseName } from '../checkers/scene.js';

/**
 * Bugs that the simulator must find: exact-match patches of what the build makes of a file, applied to a copy, so that
 * services/ holds no switch for them. A patch that does not match exactly once is an error, so that none goes stale.
 */
export interface PlantedBug {
  readonly name: string;
  /** Any of these counts as found; other promises may break as well. */
  readonly breaks: readonly PromiseName[];
  readonly patches: readonly Patch[];
}

export interface Patch {
  /** Below the build's output folder. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const CORE = 'services/node/core';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'sent-before-durable',
    breaks: ['R1'],
    patches: [
      {
        file: `${CORE}/coordinator/putMachine.js`,
        find: "stay({ phase: 'persisting', wanted, self, others, record })",
        replace:
          "({ ...stay({ phase: 'persisting', wanted, self, others, record }), send: { to: others, record } })",
      },
    ],
  },
  {
    // The identity of a directory is made by the storage adapter, for which the simulator has its own disk: this one bug is
    // planted there. The second half is what a rebuild will do one day: the directory mints again.
    name: 'actor-reused-after-a-wipe',
    breaks: ['I4'],
    patches: [
      {
        file: 'test/simulation/directory.js',
        find: 'return makeDirectory(lost.node, false, random);',
        replace: 'return { ...makeDirectory(lost.node, true, random), actor: lost.actor };',
      },
    ],
  },
  {
    name: 'last-write-wins',
    breaks: ['I2', 'I7'],
    patches: [
      {
        file: `${CORE}/versioning/record.js`,
        find: 'siblings: unite(survivors(a, b), survivors(b, a)),',
        replace: 'siblings: unite(survivors(a, b), survivors(b, a)).slice(-1),',
      },
    ],
  },
  {
    name: 'node-counted-twice',
    breaks: ['I1'],
    patches: [
      {
        file: `${CORE}/coordinator/quorum.js`,
        find: 'export function countIn(tally, node) {\n    if (!tally.pending.includes(node))\n        return tally;',
        replace: 'export function countIn(tally, node) {',
      },
    ],
  },
  {
    name: 'miss-of-an-incomplete-replica',
    breaks: ['R3', 'I7'],
    patches: [
      {
        file: `${CORE}/coordinator/getMachine.js`,
        find: 'return { ...state, tally: countOut(state.tally, from), incomplete: state.incomplete + 1 };',
        replace: 'return { ...state, tally: countIn(state.tally, from) };',
      },
    ],
  },
  {
    name: 'version-of-unseen-siblings',
    breaks: ['I3'],
    patches: [
      {
        file: `${CORE}/coordinator/resolve.js`,
        find: 'return only !== undefined && others.length === 0 && compareDots(only.dot, dot) === 0;',
        replace: 'return true;',
      },
    ],
  },
  {
    name: 'retry-minted-twice',
    breaks: ['requestId', 'phantom'],
    patches: [
      {
        file: `${CORE}/coordinator/resolve.js`,
        find: 'const repeated = record.marks.find((mark) => mark.requestId === write.requestId);',
        replace: 'const repeated = undefined;',
      },
    ],
  },
  {
    name: 'request-without-end',
    breaks: ['I11'],
    patches: [
      {
        file: `${CORE}/node.js`,
        find: 'this.#gets.expire(nowMs);',
        replace: '',
      },
    ],
  },
];
