import { InvalidArgumentError } from 'commander';

/** From the text of a flag to a number; what is wrong with it is said by commander. */

export function parseCount(text: string): number {
  const value = parseWhole(text);
  if (value < 1) throw new InvalidArgumentError('a whole number from 1 is wanted');
  return value;
}

export function parseWhole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is wanted');
  return value;
}
