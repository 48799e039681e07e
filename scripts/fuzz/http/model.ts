import { getReplySchema, putReplySchema } from '../../../services/node/http/schemas.js';
import type { Random } from '../../support/random.js';
import { pick } from '../generators/mutations.js';
import type { KnownVersion } from './content.js';
import { converse, type Conversation } from './conversation.js';
import { faultOf } from './judge.js';
import type { HttpReply } from './replyReader.js';
import { inOrder, type SoundRequest } from './requests.js';
import { spellDelete, spellGet, spellPut } from './spelling.js';

/**
 * Sound traffic amid the rest, with a model of what each key must hold. Every key has one writer, so that what was last
 * acknowledged is what a strict read returns (I7), whatever else the node is sent at that time, before it on the same
 * connection even. Each request is spelled in one of the many ways that mean the same.
 */
export interface ModelCounts {
  acknowledged: number;
  verified: number;
  /** Forged versions that were refused, as they must be. */
  forgeriesRefused: number;
  /** Requests that failed as documented, or did not get their turn. */
  failed: number;
}

interface ModelKey {
  readonly key: Buffer;
  version: string;
  /** null: nothing is stored, or all is deleted. */
  value: Buffer | null;
}

export interface ModelOptions {
  readonly random: Random;
  readonly name: string;
  readonly ports: readonly number[];
  readonly counts: ModelCounts;
  /** Sound requests of any content that go before on the same connection. */
  readonly prelude: () => readonly SoundRequest[];
  readonly onVersion: (known: KnownVersion) => void;
}

export interface ModelFinding {
  readonly what: string;
  readonly conversation: Conversation;
}

export interface Model {
  /** One request; the finding where the node does not keep its word. */
  step(): Promise<ModelFinding | undefined>;
  /** Reads every key once more, through every node. */
  readAll(): Promise<ModelFinding | undefined>;
}

const KEYS = 8;
const VALUE_BYTES_MAX = 2000;

type Op = 'read' | 'write' | 'delete' | 'forge';
const OPS: readonly Op[] = ['read', 'read', 'write', 'write', 'delete', 'forge'];

export function createModel(options: ModelOptions): Model {
  const { random, name, ports } = options;
  let made = 0;
  const newKey = (): ModelKey => ({
    key: Buffer.from(`m/${name}/${String(++made)}`),
    version: '',
    value: null,
  });
  const keys = Array.from({ length: KEYS }, newKey);

  async function act(at: number, op: Op, port: number): Promise<ModelFinding | undefined> {
    const held = keys[at] ?? newKey();
    const deed = deedOf(op, held, random);
    const prelude = options.prelude();
    const all = [...prelude, deed.request];
    const conversation: Conversation = {
      kind: `model ${op}`,
      steps: inOrder(all, prelude.length > 0 && !hasWait(all) && random.below(2) === 0),
      ending: 'polite',
      requests: all.map(({ line }) => line),
      size: all.length,
    };
    const transcript = await converse(port, conversation);
    const fault = faultOf(conversation, transcript);
    if (fault) return { what: `${fault.rule}: ${fault.detail}`, conversation };
    const reply = transcript.replies[prelude.length];
    const verdict: Verdict = reply ? deed.judge(reply) : 'failed';
    if (typeof verdict === 'object') return { what: `${op}: ${verdict.wrong}`, conversation };
    options.counts[verdict]++;
    if (op === 'read' || op === 'forge') return undefined;
    // Whether it took effect is not known: the key is of no use any more.
    if (verdict === 'failed') keys[at] = newKey();
    else options.onVersion({ key: held.key.toString('base64url'), version: held.version });
    return undefined;
  }

  return {
    step: () => act(random.below(KEYS), pick(OPS, random), pick(ports, random)),
    readAll: async () => {
      for (const at of keys.keys()) {
        for (const port of ports) {
          const finding = await act(at, 'read', port);
          if (finding) return finding;
        }
      }
      return undefined;
    },
  };
}

type Verdict = keyof ModelCounts | { readonly wrong: string };

interface Deed {
  readonly request: SoundRequest;
  /** Takes the reply into the model. */
  readonly judge: (reply: HttpReply) => Verdict;
}

function deedOf(op: Op, held: ModelKey, random: Random): Deed {
  switch (op) {
    case 'read':
      return { request: spellGet(held.key, random), judge: (reply) => judgeRead(held, reply) };
    case 'delete':
      return {
        request: spellDelete(held.key, held.version, random),
        judge: (reply) => judgeWrite(held, null, reply),
      };
    case 'write': {
      const value = Buffer.from(
        Array.from({ length: 1 + random.below(VALUE_BYTES_MAX) }, () => random.below(256)),
      );
      return {
        request: spellPut(held.key, value, held.version, random),
        judge: (reply) => judgeWrite(held, value, reply),
      };
    }
    case 'forge': {
      const version = forged(held.version, random);
      return { request: spellPut(held.key, Buffer.from('forged'), version, random), judge: judgeForgery };
    }
  }
}

const LETTERS = Array.from('ABCQgwxyz0189-_');

/** The node's own version with one letter changed, cut or added; never the same, and never empty. */
function forged(version: string, random: Random): string {
  const at = random.below(version.length + 1);
  const letter = pick(LETTERS, random);
  const tail = version.slice(at + random.below(2));
  const changed = `${version.slice(0, at)}${letter}${tail}`;
  return changed === version ? `${version}A` : changed;
}

function judgeRead(held: ModelKey, reply: HttpReply): Verdict {
  const read = getReplySchema.safeParse(jsonOf(reply));
  if (!read.success) return 'failed';
  const { key, value } = read.data;
  const wanted = held.value ? [held.value.toString('base64')] : [];
  const isRight =
    key === held.key.toString('base64') &&
    value.version === held.version &&
    value.values.join() === wanted.join() &&
    reply.status === (held.value ? 200 : 404);
  if (isRight) return 'verified';
  return {
    wrong: `read ${JSON.stringify(read.data)}, but ${held.version} with ${wanted.join()} was acknowledged`,
  };
}

function judgeWrite(held: ModelKey, value: Buffer | null, reply: HttpReply): Verdict {
  const written = putReplySchema.safeParse(jsonOf(reply));
  if (!written.success)
    return reply.status >= 500 ? 'failed' : { wrong: `refused: ${reply.body.toString()}` };
  if (written.data.version === null) return { wrong: 'siblings on a key with one writer' };
  held.version = written.data.version;
  held.value = value;
  return 'acknowledged';
}

function judgeForgery(reply: HttpReply): Verdict {
  if (reply.status === 400 && reply.body.includes('"invalid_version"')) return 'forgeriesRefused';
  return reply.status >= 500 ? 'failed' : { wrong: `a forged version is answered: ${reply.body.toString()}` };
}

function hasWait(requests: readonly SoundRequest[]): boolean {
  return requests.some(({ steps }) => steps.some(({ type }) => type === 'continue'));
}

function jsonOf({ body }: HttpReply): unknown {
  return JSON.parse(body.toString('utf8'));
}
