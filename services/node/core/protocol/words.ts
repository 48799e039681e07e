import type { ByteReader, ByteWriter } from './bytes.js';
import { DecodeError } from './bytes.js';

/** Writes the words of a union as one byte each. */
export interface WordCodec<W extends string> {
  write(out: ByteWriter, word: W): void;
  read(input: ByteReader): W;
}

/**
 * A codec from a total table word → code (0-255): a new word breaks the build until it has a code. The codes are the wire
 * format, so that a code is never given to another word.
 */
export function wordCodec<W extends string>(codes: Readonly<Record<W, number>>): WordCodec<W> {
  const words: W[] = [];
  for (const word of Object.keys(codes) as W[]) words[codes[word]] = word;
  return {
    write: (out, word) => void out.u8(codes[word]),
    read: (input) => {
      const word = words[input.u8()];
      if (word === undefined) throw new DecodeError('a code is unknown');
      return word;
    },
  };
}
