import fc from 'fast-check';
import { seededRandom, type Random } from '../../support/random.js';
import { partSeed } from '../seeds.js';
import type { KnownVersion } from './content.js';
import { converse, type Conversation, type Transcript } from './conversation.js';
import { faultOf } from './judge.js';
import { malformedConversation, slowConversation } from './malformed.js';
import { createModel, type ModelCounts } from './model.js';
import { soundConversation, soundRequest, type SoundRequest } from './requests.js';

/** Hostile connections beside sound traffic whose every answer is known, until enough requests were sent. */
export interface HttpCampaign {
  /** Sends hostile requests until so many have been sent in all; ends early with a finding. */
  run(requests: number): Promise<void>;
  /** The sound traffic's last look at everything that it wrote. */
  verify(): Promise<void>;
  readonly counts: HttpCounts;
  finding(): HttpFinding | undefined;
}

export interface HttpCounts {
  requests: number;
  connections: number;
  /** Connections that the node closed while it was still being sent something. */
  resets: number;
  /** Replies by status and, for errors, their code. */
  readonly replies: Map<string, number>;
  readonly model: ModelCounts;
}

export interface HttpFinding {
  readonly rule: string;
  readonly detail: string;
  readonly conversation: Conversation;
}

export interface HttpCampaignOptions {
  readonly seed: number;
  readonly ports: readonly number[];
  /** Processes that are gone and the like; asked again and again. */
  readonly health: () => readonly string[];
  readonly onProgress: (counts: HttpCounts) => void;
}

const HOSTILE_CONNECTIONS = 40;
const SOUND_CLIENTS = 12;
const SLOW_CONNECTIONS = 4;
/** Conversations made at one time; the versions that they use are those known by then. */
const BATCH = 100;
const VERSIONS_KNOWN_MAX = 60;
/** Of ten conversations. */
const MALFORMED_SHARE = 4;

interface State {
  readonly options: HttpCampaignOptions;
  readonly counts: HttpCounts;
  readonly known: KnownVersion[];
  readonly waiting: Conversation[];
  readonly preludes: SoundRequest[];
  readonly random: Random;
  batches: number;
  slow: number;
  finding: HttpFinding | undefined;
}

export function createHttpCampaign(options: HttpCampaignOptions): HttpCampaign {
  const state: State = {
    options,
    counts: newCounts(),
    random: seededRandom(options.seed),
    ...{ known: [], waiting: [], preludes: [], batches: 0, slow: 0, finding: undefined },
  };
  const models = Array.from({ length: SOUND_CLIENTS }, (_, index) =>
    createModel({
      random: seededRandom(partSeed(options.seed, -1 - index)),
      name: `${String(options.seed)}-${String(index)}`,
      ports: options.ports,
      counts: state.counts.model,
      prelude: () => preludeOf(state),
      onVersion: (known) => learn(state, known),
    }),
  );
  const found = (what: { what: string; conversation: Conversation } | undefined): void => {
    if (what) state.finding ??= { rule: 'sound traffic', detail: what.what, conversation: what.conversation };
  };
  return {
    counts: state.counts,
    finding: () => state.finding,
    run: async (requests) => {
      let over = false;
      const isOver = (): boolean => over || state.finding !== undefined;
      const sound = models.map(async (model) => {
        while (!isOver()) found(await model.step());
      });
      const slow = Array.from({ length: SLOW_CONNECTIONS }, async () => {
        while (!isOver()) await hold(state, slowConversation(state.slow++));
      });
      const hostile = Array.from({ length: HOSTILE_CONNECTIONS }, async () => {
        while (!isOver() && state.counts.requests < requests) await hold(state, next(state));
      });
      await Promise.all(hostile);
      over = true;
      await Promise.all([...sound, ...slow]);
    },
    verify: async () => {
      for (const model of models) found(await model.readAll());
    },
  };
}

function newCounts(): HttpCounts {
  const model = { acknowledged: 0, verified: 0, forgeriesRefused: 0, failed: 0 };
  return { requests: 0, connections: 0, resets: 0, replies: new Map(), model };
}

/** The next of the hostile conversations. */
function next(state: State): Conversation {
  const ready = state.waiting.pop();
  if (ready) return ready;
  const { seed } = state.options;
  const arbitrary = fc.oneof(
    { weight: 10 - MALFORMED_SHARE, arbitrary: soundConversation(state.known) },
    { weight: MALFORMED_SHARE, arbitrary: malformedConversation(state.known) },
  );
  const made = fc.sample(arbitrary, { seed: partSeed(seed, state.batches++) | 0, numRuns: BATCH });
  const [first, ...rest] = made;
  state.waiting.push(...rest);
  if (!first) throw new Error('no conversation was made');
  return first;
}

function preludeOf(state: State): readonly SoundRequest[] {
  if (state.preludes.length === 0) {
    const arbitrary = soundRequest(state.known).filter(({ isLast }) => !isLast);
    const seed = partSeed(state.options.seed, state.batches++) | 0;
    state.preludes.push(...fc.sample(arbitrary, { seed, numRuns: BATCH }));
  }
  return state.preludes.splice(0, state.random.below(4));
}

async function hold(state: State, conversation: Conversation): Promise<void> {
  const { ports } = state.options;
  const port = ports[state.counts.connections++ % ports.length] ?? 0;
  let transcript: Transcript;
  try {
    transcript = await converse(port, conversation);
  } catch (error) {
    state.finding ??= { rule: 'the node cannot be reached', detail: String(error), conversation };
    return;
  }
  state.counts.requests += conversation.size;
  if (transcript.wasReset) state.counts.resets++;
  for (const reply of transcript.replies) count(state.counts.replies, nameOf(reply.status, reply.body));
  const fault = faultOf(conversation, transcript) ?? sickness(state);
  if (fault) state.finding ??= { ...fault, conversation };
  else learnFrom(state, conversation, transcript);
  state.options.onProgress(state.counts);
}

const HEALTH_EVERY = 64;

function sickness(state: State): { rule: string; detail: string } | undefined {
  if (state.counts.connections % HEALTH_EVERY !== 0) return undefined;
  const faults = state.options.health();
  return faults.length === 0 ? undefined : { rule: 'a node is unwell', detail: faults.join('\n') };
}

const CODE = /^\{"success":false,"error":\{"code":"(\w+)"/;

function nameOf(status: number, body: Buffer): string {
  const code = CODE.exec(body.subarray(0, 100).toString('latin1'))?.[1];
  return code === undefined ? String(status) : `${String(status)} ${code}`;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

const READ = /^\{"key":"([^"]+)","value":\{"version":"([^"]+)"/;

/** Versions that reads gave. */
function learnFrom(state: State, conversation: Conversation, { replies }: Transcript): void {
  if (!conversation.requests) return;
  for (const { body } of replies) {
    const [, key, version] = READ.exec(body.subarray(0, 16_384).toString('latin1')) ?? [];
    if (key !== undefined && version !== undefined) learn(state, { key, version });
  }
}

function learn({ known }: State, version: KnownVersion): void {
  known.push(version);
  if (known.length > VERSIONS_KNOWN_MAX) known.shift();
}
