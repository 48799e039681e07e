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

/** What others have heard of a directory is not compared with it. */
const HEIGHTS_IGNORED: Patch = {
  file: `${CORE}/membership/heights.js`,
  find: 'if (heard.actor !== own.actor)\n        return false;',
  replace: 'return false;',
};

/** A node does not wonder at dots of its own that it does not know. */
const OWN_DOTS_IGNORED: Patch = {
  file: `${CORE}/replica/mint.js`,
  find: 'return clock.some(({ actor, counter }) => actor === this.actor && counter > this.counter);',
  replace: 'return false;',
};

/** Nobody has to have seen this life before the directory's actor mints. */
const MINTED_AT_ONCE: Patch = {
  file: `${CORE}/replica/mint.js`,
  find: 'if (vouched && !this.#renounced)',
  replace: 'if (!this.#renounced)',
};

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'refilled-by-oneself',
    breaks: ['R8'],
    patches: [
      {
        file: `${CORE}/membership/refill.js`,
        find: 'hasWaited && census.confirms(document) && !documents.isAdopting',
        replace: '!documents.isAdopting',
      },
    ],
  },
  {
    name: 'sent-before-durable',
    breaks: ['R1'],
    patches: [
      {
        file: `${CORE}/coordinator/putMachine.js`,
        find: "stay({ ...state, phase: 'persisting', record })",
        replace:
          "({ state: { ...state, phase: 'persisting', record }, send: { to: state.others.map((node) => ({ node })), record } })",
      },
    ],
  },
  {
    // The identity of a directory is made by the storage adapter, for which the simulator has its own disk: this one bug is
    // planted there. What would notice it is taken out.
    name: 'actor-reused-after-a-wipe',
    breaks: ['I4'],
    patches: [
      {
        file: 'test/simulation/directory.js',
        find: 'const made = makeDirectory(lost.node, false, random);',
        replace: 'const made = { ...makeDirectory(lost.node, true, random), actor: lost.actor };',
      },
      HEIGHTS_IGNORED,
      OWN_DOTS_IGNORED,
      MINTED_AT_ONCE,
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
        file: `${CORE}/coordinator/putMachine.js`,
        find: 'if (!paid)\n        return judge(replace({ ...state, tally: countOut(tally, from) }, from));',
        replace:
          "if (!paid) return judge(nothingMore(answer === 'stored' ? { ...state, tally: { ...tally, counted: tally.counted + 1 } } : state));",
      },
    ],
  },
  {
    name: 'miss-of-an-incomplete-replica',
    breaks: ['R3', 'I7'],
    patches: [
      {
        file: `${CORE}/coordinator/getMachine.js`,
        find: 'return without({ ...state, incomplete: state.incomplete + 1 }, from);',
        replace: 'return judge({ ...state, tally: countIn(state.tally, from) });',
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
        file: `${CORE}/coordinator/coordinator.js`,
        find: 'this.#gets.expire(nowMs);',
        replace: '',
      },
    ],
  },
  {
    name: 'hint-dropped',
    breaks: ['R4', 'I2'],
    patches: [
      {
        file: `${CORE}/repair/hints.js`,
        find: 'this.#deliveries.set(request, { queue, hint, record, bytes, deadlineMs });',
        replace: 'queue.sent -= 1; queue.sentBytes -= bytes; this.#forget(queue, hint);',
      },
    ],
  },
  {
    name: 'hint-acknowledged-before-durable',
    breaks: ['R4'],
    patches: [
      {
        file: `${CORE}/replica/replica.js`,
        find: 'this.#options.standIn.keepReserved(target, key, answer);',
        replace: 'this.#options.standIn.keepReserved(target, key, () => undefined); answer(true);',
      },
    ],
  },
  {
    // A repair looks like any other write: here its receiver is told by a field that means something else.
    name: 'read-repair-overwrites',
    breaks: ['I2', 'I7'],
    patches: [
      {
        file: `${CORE}/repair/readRepairs.js`,
        find: "{ type: 'write', request, key, since: sinceOf(key), record }",
        replace: "{ type: 'write', request, key, since: sinceOf(key), record, hintFor: node }",
      },
      {
        file: `${CORE}/replica/replica.js`,
        find: "if (hintFor === undefined)\n            return { for: 'peer', node, request, deadlineMs };",
        replace:
          "if (hintFor === undefined || this.#options.holds(key)) return { for: 'peer', node, request, deadlineMs, overwrites: hintFor !== undefined };",
      },
      {
        file: `${CORE}/replica/cells.js`,
        find: 'const merged = cell.record ?',
        replace: 'const merged = cell.record && !operation.waiter.overwrites ?',
      },
    ],
  },
  {
    name: 'miss-of-a-fallback',
    breaks: ['R3'],
    patches: [
      {
        file: `${CORE}/coordinator/getMachine.js`,
        find: 'if (!isPrimary)\n                return without(state, from);',
        replace: '',
      },
    ],
  },
  {
    name: 'old-directory-not-noticed',
    breaks: ['R12', 'I4'],
    patches: [HEIGHTS_IGNORED, OWN_DOTS_IGNORED],
  },
  {
    name: 'two-documents-of-one-epoch',
    breaks: ['R7'],
    patches: [
      {
        file: `${CORE}/membership/rounds.js`,
        find: 'this.#granted.size >= majority(this.voters.length)',
        replace: 'this.#granted.size >= 1',
      },
    ],
  },
  {
    name: 'rebuild-from-one-replica',
    breaks: ['I2', 'I7', 'R10', 'I12'],
    patches: [
      {
        file: `${CORE}/membership/rebuild.js`,
        find: '[...all].every((node) => this.#exchanged.has(node))',
        replace: '[...all].some((node) => this.#exchanged.has(node))',
      },
    ],
  },
  {
    // The new directory is listed as complete, and filled behind that.
    name: 'rebuild-without-an-epoch',
    breaks: ['R10'],
    patches: [
      {
        file: `${CORE}/membership/changes.js`,
        find: "state: 'rebuilding' }",
        replace: "state: 'complete' }",
      },
    ],
  },
  {
    name: 'reap-beside-a-stray-copy',
    breaks: ['R13', 'I10'],
    patches: [
      {
        file: `${CORE}/repair/reapChecks.js`,
        find: 'const isReplica = holds(key);',
        replace: 'const isReplica = holds(key); if (!isReplica) return true;',
      },
    ],
  },
  {
    name: 'expired-tombstone-pulled',
    breaks: ['R13'],
    patches: [
      {
        file: `${CORE}/repair/spanRepair.js`,
        find: 'return held !== hash && (held !== undefined || !isExpired || takesExpired);',
        replace: 'return held !== hash;',
      },
    ],
  },
  {
    // Whatever the comparison of roots has said, leaves that are not empty are taken for different.
    name: 'exchange-that-never-settles',
    breaks: ['I12'],
    patches: [
      { file: `${CORE}/repair/exchange.js`, find: 'differing.has(partition)', replace: 'true' },
      {
        file: `${CORE}/repair/hashTrees.js`,
        find: 'if (a[i] === b[i])',
        replace: 'if (a[i] === b[i] && a[i] === 0)',
      },
    ],
  },
  {
    // It comes back at another address, and the answers that would have that listed go to the old one.
    name: 'moved-node-not-found',
    breaks: ['liveness', 'R7', 'I12'],
    patches: [
      {
        file: `${CORE}/membership/founding.js`,
        find: 'this.#welcome.announce(this.#cluster);',
        replace: '',
      },
    ],
  },
  {
    // Who seems to be gone holds nothing any more: the next nodes clockwise take its place.
    name: 'small-view-moves-data',
    breaks: ['I1', 'I2', 'I7', 'I12', 'I13'],
    patches: [
      {
        file: `${CORE}/node/parts.js`,
        find: 'this.replicaSet = replicaSetsByKey(',
        replace: `const isThere = (node) => node === options.self || this.membership.isAlive(node);
        const asSeen = (set) => {
            const all = [...set.primaries, ...set.fallbacks];
            const there = [...all.filter(isThere), ...all.filter((node) => !isThere(node))];
            const primaries = there.slice(0, set.primaries.length);
            return { ...set, primaries, fallbacks: all.filter((node) => !primaries.includes(node)) };
        };
        const seen = (of) => (key) => asSeen(of(key));
        this.replicaSet = ((...parts) => seen(replicaSetsByKey(...parts)))(`,
      },
    ],
  },
  {
    name: 'older-document-taken-back',
    breaks: ['I13', 'R7'],
    patches: [
      {
        file: `${CORE}/membership/documents.js`,
        find: 'document.epoch <= this.newest.epoch)',
        replace: 'document.epoch === this.newest.epoch)',
      },
    ],
  },
  {
    // A node is neither looked for where it is listed, nor says where it is once it is listed there.
    name: 'old-address-believed',
    breaks: ['liveness', 'R4', 'R7', 'I12'],
    patches: [
      { file: `${CORE}/membership/membership.js`, find: 'this.#lookAgain(nowMs);', replace: '' },
      {
        file: `${CORE}/membership/welcome.js`,
        find: '(!hasMoved && isAlive(id))',
        replace: '!hasMoved',
      },
    ],
  },
  {
    name: 'tree-not-updated',
    breaks: ['I12'],
    patches: [
      {
        file: `${CORE}/repair/hashTrees.js`,
        find: 'if (!tree)\n            return;\n        if (before)',
        replace: 'if (!tree || tree.isReady) return;\n        if (before)',
      },
    ],
  },
  {
    // Who does not answer has nothing against it.
    name: 'clock-trimmed-while-a-node-is-away',
    breaks: ['R14'],
    patches: [
      {
        file: `${CORE}/repair/reaping.js`,
        find: 'return isSettled() && others().every(isAlive);',
        replace: 'return true;',
      },
      {
        file: `${CORE}/repair/reapRound.js`,
        find: "reply?.type === 'reaped' ? reply.agreed : []",
        replace: "reply?.type === 'reaped' ? reply.agreed : [...items.keys()]",
      },
    ],
  },
];
