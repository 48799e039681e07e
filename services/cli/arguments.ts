import { InvalidArgumentError, Option } from 'commander';
import { usageError } from './failure.js';

/** Checks and conversions of what stands on the command line. */

const KEY_BYTES_MAX = 4096;

export function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < from || value > to) {
      throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
    }
    return value;
  };
}

/** Collects `--url a --url b,c`. */
export function urlList(text: string, before: readonly URL[] | undefined): URL[] {
  return [...(before ?? []), ...parseUrls(text)];
}

/** Comma-separated node URLs; a bare `host:port` is taken as http. */
export function parseUrls(text: string): URL[] {
  return text.split(',').map((part) => {
    const trimmed = part.trim();
    const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
    if (!URL.canParse(full)) throw new InvalidArgumentError(`"${trimmed}" is not a URL.`);
    const url = new URL(full);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new InvalidArgumentError(`"${trimmed}" is not an http or https URL.`);
    }
    return url;
  });
}

/** A key of the command line as bytes: UTF-8 text, or base64 where `asBase64`. */
export function keyBytes(text: string, asBase64: boolean): Buffer {
  const key = asBase64 ? base64Bytes(text) : Buffer.from(text, 'utf8');
  if (key.length === 0) throw usageError('the key is empty');
  if (key.length > KEY_BYTES_MAX) throw usageError(`the key is longer than ${KEY_BYTES_MAX} bytes`);
  return key;
}

function base64Bytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (bytes.toString('base64').replace(/=+$/, '') !== bare) {
    throw usageError('the key is not base64', 'Leave --key-base64 away for a key that is text');
  }
  return bytes;
}

export const keyBase64Option = (): Option =>
  new Option('--key-base64', 'KEY is base64 (for keys that are not UTF-8 text)');

export const quorumOption = (): Option =>
  new Option('--quorum <kind>', 'strict counts primaries only; sloppy lets fallbacks stand in').choices([
    'sloppy',
    'strict',
  ]);

export const minNumReadsOption = (): Option =>
  new Option('--min-num-reads <n>', 'replicas that must answer (default: the majority)').argParser(
    wholeNumber(1, 1000),
  );

export const minNumWritesOption = (): Option =>
  new Option('--min-num-writes <n>', 'replicas that must have it on disk (default: the majority)').argParser(
    wholeNumber(1, 1000),
  );
