import type { NodeId } from '../core/types.js';

/** The kinds of options that there are: each reads a text, or says what is wanted instead. */

export interface Option<T> {
  readonly help: string;
  /** Shown behind the flag in the help; none for a switch. */
  readonly value?: string;
  readonly fallback: T;
  /** Throws an Error whose message says what is wanted. */
  readonly parse: (text: string) => T;
}

/** Names stand in lists of seeds, in file names and in logs. */
const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const NODE_NAME_WANTED =
  'up to 63 letters, digits, dots, dashes and underscores are wanted, the first no sign';
/** What travels between nodes is bounded. */
const ADDRESS_CHARS_MAX = 255;
const ZONE_CHARS_MAX = 100;

export function text(value: string, help: string, fallback: string): Option<string> {
  const parse = (given: string): string => {
    if (given === '' && fallback !== '') throw new Error('something is wanted');
    return given;
  };
  return { help, value, fallback, parse };
}

export function nodeName(help: string): Option<NodeId> {
  const parse = (given: string): NodeId => {
    if (given !== '' && !isNodeName(given)) throw new Error(NODE_NAME_WANTED);
    return given as NodeId;
  };
  return { help, value: 'name', fallback: '' as NodeId, parse };
}

/** Whether a text can name a node. */
export function isNodeName(text: string): text is NodeId {
  return NODE_NAME.test(text);
}

/** With a broker the name of a seed is enough; its address is '' then. */
export function seeds(help: string): Option<ReadonlyMap<NodeId, string>> {
  const parse = (given: string): ReadonlyMap<NodeId, string> => {
    const found = new Map<NodeId, string>();
    for (const part of given.split(',').filter((text) => text.trim() !== '')) {
      const [, id = '', at] = /^([^@]*)(?:@(.*))?$/.exec(part.trim()) ?? [];
      if (!isNodeName(id) || (at !== undefined && !isAddress(at))) {
        throw new Error('id@host:port, separated by commas, is wanted');
      }
      if (found.has(id)) throw new Error(`one address for ${id} is wanted`);
      found.set(id, at ?? '');
    }
    return found;
  };
  return { help, value: 'id@host:port,…', fallback: new Map(), parse };
}

export function address(help: string): Option<string> {
  const parse = (given: string): string => {
    if (given !== '' && !isAddress(given)) throw new Error('host:port is wanted');
    return given;
  };
  return { help, value: 'host:port', fallback: '', parse };
}

/** An IPv6 address stands in brackets. */
function isAddress(given: string): boolean {
  const [, port] = /^(?:\[[^\]\s]+\]|[^:\s@,]+):(\d{1,5})$/.exec(given) ?? [];
  return given.length <= ADDRESS_CHARS_MAX && Number(port) >= 1 && Number(port) <= 65_535;
}

/** URLs may hold passwords, which nothing may repeat. */
export function brokerUrls(help: string): Option<readonly string[]> {
  const parse = (given: string): readonly string[] => {
    const urls = given.split(',').filter((text) => text.trim() !== '');
    return urls.map((text) => {
      const url = text.trim();
      if (isBrokerUrl(url)) return url;
      throw new SecretFault(
        'amqp://user:password@host:port/vhost or amqps://…, separated by commas, is wanted',
      );
    });
  };
  return { help, value: 'url,…', fallback: [], parse };
}

/** A fault in a text that must not be shown. */
export class SecretFault extends Error {
  override readonly name = 'SecretFault';
}

function isBrokerUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, pathname, search, hash } = new URL(given);
  const isOfBroker = (protocol === 'amqp:' || protocol === 'amqps:') && hostname !== '';
  return isOfBroker && search === '' && hash === '' && !pathname.slice(1).includes('/') && isEncoded(given);
}

/** Whether every percent sign stands for a character. */
function isEncoded(given: string): boolean {
  try {
    return decodeURIComponent(given) !== '';
  } catch {
    return false;
  }
}

/** What names something at a broker. */
export function brokerName(help: string, fallback: string): Option<string> {
  const parse = (given: string): string => {
    if (isNodeName(given)) return given;
    throw new Error(NODE_NAME_WANTED);
  };
  return { help, value: 'name', fallback, parse };
}

const HTTP_URL_WANTED = 'http://host:port or https://host:port is wanted';

export function httpUrl(help: string, fallback: string): Option<string> {
  const parse = (given: string): string => {
    if (!URL.canParse(given)) throw new Error(HTTP_URL_WANTED);
    const { protocol, host, username, password, pathname, search, hash } = new URL(given);
    const isBare = [username, password, search, hash].every((part) => part === '') && pathname === '/';
    if (!['http:', 'https:'].includes(protocol) || !isBare) throw new Error(HTTP_URL_WANTED);
    return `${protocol}//${host}`;
  };
  return { help, value: 'url', fallback, parse };
}

/** Part of names in DNS. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export function label(given: string): string {
  if (LABEL.test(given)) return given;
  throw new Error('up to 63 small letters, digits and dashes inside are wanted');
}

export function zone(given: string): string {
  if (given.length <= ZONE_CHARS_MAX) return given;
  throw new Error(`at most ${String(ZONE_CHARS_MAX)} characters are wanted`);
}

export function whole(help: string, fallback: number, least: number, most: number): Option<number> {
  const parse = (given: string): number => {
    const number = /^\d+$/.test(given) ? Number(given) : NaN;
    if (number >= least && number <= most) return number;
    throw new Error(`a whole number from ${String(least)} to ${String(most)} is wanted`);
  };
  return { help, value: 'number', fallback, parse };
}

export function powerOfTwo(given: string): number {
  const number = /^\d+$/.test(given) ? Number(given) : NaN;
  if (Number.isInteger(Math.log2(number)) && number >= 8 && number <= 4096) return number;
  throw new Error('a power of two from 8 to 4096 is wanted');
}

export function oneOf<T extends string>(choices: readonly T[], help: string, fallback: T): Option<T> {
  const parse = (given: string): T => {
    const found = choices.find((choice) => choice === given);
    if (found !== undefined) return found;
    throw new Error(`one of ${choices.join(', ')} is wanted`);
  };
  return { help, value: choices.join('|'), fallback, parse };
}
