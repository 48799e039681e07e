import type { Effect } from '../../../services/node/core/protocol/events.js';
import type { RequestNumber } from '../../../services/node/core/protocol/messages.js';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

/** A GET under way, and the nodes whose answers to it count. */
interface Read {
  readonly key: Key;
  readonly wanted: number;
  readonly strict: boolean;
  readonly counted: Set<NodeId>;
}

type ReplyEffect = Extract<Effect, { type: 'reply' }>;

/**
 * Counts what each GET was told, and what that was worth (R3): a replica that is not complete answers neither with a record
 * nor with a miss, a fallback's miss counts for nothing, and with strict quorum neither does anything else of it.
 */
export function createReadChecker(scene: Scene): { stepped(step: Step): void } {
  const byRequest = new Map<string, Read>();
  const byTicket = new Map<string, Read>();
  return {
    stepped: (step) => {
      const { event, effects } = step;
      if (event.type === 'get') {
        const { key, minReads, quorum } = event.request;
        const number = numberOf(effects);
        if (number === undefined || minReads === undefined) return;
        const read = { key, wanted: minReads, strict: quorum === 'strict', counted: new Set<NodeId>() };
        byRequest.set(nameOf(step, number), read);
        byTicket.set(nameOf(step, event.ticket), read);
      }
      const told = answerOf(step);
      const read = told && byRequest.get(nameOf(step, told.number));
      if (read && counts(scene, read, told)) read.counted.add(told.from);
      for (const effect of effects) {
        if (effect.type === 'reply')
          checkReply(scene, byTicket.get(nameOf(step, effect.ticket)), step, effect);
        if (effect.type === 'send') checkAnswer(scene, step, effect);
      }
    },
  };
}

function nameOf({ node, directory }: Step, number: number): string {
  return `${node} ${String(directory.incarnation)} ${String(number)}`;
}

/** The number under which a GET asks its first replicas. */
function numberOf(effects: readonly Effect[]): RequestNumber | undefined {
  for (const effect of effects) {
    if (effect.type === 'load' && effect.purpose.for === 'localRead') return effect.purpose.request;
    if (effect.type === 'send' && effect.message.type === 'read') return effect.message.request;
  }
  return undefined;
}

interface Told {
  readonly number: RequestNumber;
  readonly from: NodeId;
  readonly status: string;
}

function answerOf({ node, event, directory }: Step): Told | undefined {
  if (event.type === 'message' && event.message.type === 'readReply') {
    const { request, answer } = event.message;
    return { number: request, from: event.from, status: answer.status };
  }
  if (event.type !== 'loaded' || event.purpose.for !== 'localRead' || !directory.complete) return undefined;
  return { number: event.purpose.request, from: node, status: event.result.status };
}

function counts(scene: Scene, { key, strict }: Read, { from, status }: Told): boolean {
  if (scene.primaries(key).includes(from)) return status === 'found' || status === 'missing';
  return status === 'found' && !strict;
}

function checkReply(scene: Scene, read: Read | undefined, { node }: Step, { reply }: ReplyEffect): void {
  if (!read || reply.to !== 'get' || !reply.outcome.ok || read.counted.size >= read.wanted) return;
  const { key, wanted, counted } = read;
  const who = [...counted].join(' ');
  scene.report(
    'R3',
    `a read of ${key} at ${node} wanted ${String(wanted)} answers that count and had [${who}]`,
  );
}

function checkAnswer(
  scene: Scene,
  { node, directory }: Step,
  { message }: Extract<Effect, { type: 'send' }>,
): void {
  if (message.type !== 'readReply' || directory.complete) return;
  const { status } = message.answer;
  if (status !== 'found' && status !== 'missing') return;
  scene.report('R3', `${node} answered a read with "${status}" although it is not complete`);
}
