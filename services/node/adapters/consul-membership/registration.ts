import type { Registration } from '../../ports/registry.js';

/** What a node's registration looks like in Consul. */
export interface ServiceDefinition {
  readonly address: string;
  readonly port: number;
  readonly meta: Readonly<Record<string, string>>;
  /** Where Consul looks whether the node lives. */
  readonly checkUrl: string;
}

/** What Consul lets stand in one value of a service's meta. */
const META_CHARS_MAX = 512;

export function definitionOf(registration: Registration): ServiceDefinition {
  const { httpAddress, busAddress, actor, zone, weight, epoch, tokens } = registration;
  const [, address = '', port = ''] = /^(.*):(\d+)$/.exec(httpAddress) ?? [];
  return {
    address: address.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port),
    meta: {
      ...{ busAddress, actor, zone, weight: String(weight), epoch: String(epoch) },
      ...piecesOf(bitmapOf(tokens)),
    },
    checkUrl: `http://${httpAddress}/health`,
  };
}

/** Hexadecimal; the first partition is the highest bit of the first digit. */
function bitmapOf(tokens: readonly boolean[]): string {
  let digits = '';
  for (let i = 0; i < tokens.length; i += 4) {
    const bits = [0, 1, 2, 3].map((bit) => (tokens[i + bit] === true ? 8 >> bit : 0));
    digits += bits.reduce((sum, bit) => sum + bit, 0).toString(16);
  }
  return digits;
}

/** `tokens0`, `tokens1`, … */
function piecesOf(digits: string): Record<string, string> {
  const pieces: Record<string, string> = {};
  for (let i = 0; i * META_CHARS_MAX < digits.length; i++) {
    pieces[`tokens${String(i)}`] = digits.slice(i * META_CHARS_MAX, (i + 1) * META_CHARS_MAX);
  }
  return pieces;
}

interface Held {
  readonly Service?: unknown;
  readonly Address?: unknown;
  readonly Port?: unknown;
  readonly Meta?: unknown;
}

/** Whether what the agent holds says the same. */
export function saysTheSame(held: unknown, service: string, definition: ServiceDefinition): boolean {
  if (typeof held !== 'object' || held === null) return false;
  const { Service, Address, Port, Meta } = held as Held;
  const { address, port, meta } = definition;
  return Service === service && Address === address && Port === port && isSameMeta(Meta, meta);
}

function isSameMeta(held: unknown, meta: Readonly<Record<string, string>>): boolean {
  const others = (held ?? {}) as Readonly<Record<string, unknown>>;
  const names = Object.keys(meta);
  return names.length === Object.keys(others).length && names.every((name) => others[name] === meta[name]);
}
