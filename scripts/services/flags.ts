import { InvalidArgumentError } from 'commander';

/** A port, with room for the neighbours that follow it. */
export function parsePort(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= 65_000) return value;
  throw new InvalidArgumentError('a port from 1 to 65000 is wanted');
}
