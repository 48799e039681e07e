import type { Effect, NodeEvent, NodeSizes } from '../../../services/node/core/protocol/events.js';
import type { Actor, Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import { covers } from '../../../services/node/core/versioning/clock.js';
import { actorsOf, type Directory } from '../directory.js';
import type { PlanLimits } from '../plan.js';
import { type DotLedger, nameOf } from './dots.js';
import type { Scene } from './scene.js';

/** What nodes do to each other: nothing is sent before it is durable (R1), no forward goes on after silence (R6). */
export interface WireChecker {
  stepped(step: Step): void;
}

export interface Step {
  readonly node: NodeId;
  readonly directory: Directory;
  readonly event: NodeEvent;
  readonly effects: readonly Effect[];
  readonly sizes?: NodeSizes;
}

/** One request that is passed on: who was asked last, and whether that one may be given up. */
interface Forward {
  asked: NodeId;
  released: boolean;
}

export function createWireChecker(scene: Scene, dots: DotLedger, limits: PlanLimits): WireChecker {
  const forwards = new Map<string, Forward>();
  const replied = new Set<string>();
  return {
    stepped: (step) => {
      release(forwards, step);
      for (const effect of step.effects) {
        if (effect.type === 'send') checkSend(scene, dots, forwards, step, effect);
        if (effect.type === 'reply') checkReply(scene, replied, step, effect.ticket);
      }
      checkSizes(scene, step, limits);
    },
  };
}

/** A forward is free to go elsewhere once it came back, or its coordinator declined. */
function release(forwards: Map<string, Forward>, { node, event }: Step): void {
  const { type } = event;
  if (type !== 'unroutable' && type !== 'message') return;
  const forward = forwards.get(`${node} ${String(event.message.request)}`);
  const from = type === 'unroutable' ? event.to : event.from;
  if (forward?.asked !== from) return;
  const { message } = event;
  const declined = message.type === 'forwardReply' && message.answer.status === 'declined';
  if (type === 'unroutable' ? message.type === 'forward' : declined) forward.released = true;
}

function checkSend(
  scene: Scene,
  dots: DotLedger,
  forwards: Map<string, Forward>,
  step: Step,
  { to, message }: Extract<Effect, { type: 'send' }>,
): void {
  if (message.type === 'forward') {
    const name = `${step.node} ${String(message.request)}`;
    const before = forwards.get(name);
    if (before && !before.released) {
      scene.report('R6', `${step.node} passed ${name} on to ${to} after silence of ${before.asked}`);
    }
    forwards.set(name, { asked: to, released: false });
  }
  // What a replica answers to a read comes from its disk, where it has been seen already.
  if (message.type !== 'write') return;
  const where = (): string => `in a write of ${step.node} to ${to}`;
  dots.note(message.key, message.record, where);
  checkDurable(scene, message.key, message.record, where);
}

function checkDurable(scene: Scene, key: Key, { clock }: VersionedRecord, where: () => string): void {
  for (const entry of clock) {
    const minters = directoriesOf(scene, entry.actor);
    const isDurable = minters.some((directory) => {
      const witnessed = directory.witnessed.get(key);
      return witnessed !== undefined && covers(witnessed, entry);
    });
    if (!isDurable) {
      scene.report('R1', `the dot ${nameOf(entry)} of ${key} is not durable where it was minted, ${where()}`);
    }
  }
}

function directoriesOf(scene: Scene, actor: Actor): readonly Directory[] {
  return scene.directories().filter((directory) => actorsOf(directory).includes(actor));
}

function checkReply(scene: Scene, replied: Set<string>, { node, directory }: Step, ticket: number): void {
  const name = `${node} ${directory.actor} ${String(directory.incarnation)} ${String(ticket)}`;
  if (replied.has(name)) scene.report('I11', `${node} replied twice to ticket ${String(ticket)}`);
  replied.add(name);
}

function checkSizes(scene: Scene, { node, directory, sizes }: Step, limits: PlanLimits): void {
  if (!sizes) return;
  const { liveRequests, liveBytes, settling, hints, repairs } = sizes;
  // A crash may come between a new hint and the end of an old one.
  const hintsMax = Math.max(limits.hintsMax, directory.hintsAtOpening);
  const isWithin =
    liveRequests <= limits.requestsMax &&
    liveBytes <= limits.requestBytesMax &&
    settling <= limits.settlingMax &&
    hints <= hintsMax &&
    repairs <= limits.repairsMax;
  if (!isWithin) scene.report('I14', `${node} is over its bounds: ${JSON.stringify(sizes)}`);
}
