import fc from 'fast-check';
import { seededRandom, type Random } from '../../support/random.js';
import { mutate, pick, randomBytes } from '../generators/mutations.js';
import type { KnownVersion } from './content.js';
import type { Conversation, Ending, Step } from './conversation.js';
import { pieces, soundRequest } from './requests.js';

/** Bytes that are not quite HTTP, or not at all. Whatever is answered to them has to be sound. */

type Damage = (bytes: Buffer, random: Random) => Buffer;

const LINES = [
  ...[
    'nonsense',
    ': no name',
    'Host : x',
    ' folded: yes',
    '\tfolded',
    'Bad Name: x',
    'X: a\0b',
    'X: a\rb',
    'X\x01: y',
    'Ho\nst: y',
  ],
  ...[
    'Content-Length: 5',
    'Content-Length: -1',
    'Content-Length: +5',
    'Content-Length: 5, 5',
    'Content-Length: 0x5',
  ],
  ...[
    'Content-Length: 99999999999999999999',
    'Content-Length:',
    'Content-Length: 1e3',
    'Transfer-Encoding: chunked',
  ],
  ...[
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: gzip, chunked',
  ],
  ...[
    'Transfer-Encoding:\x0bchunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
    'Host: y',
    'Host:',
  ],
  ...[
    'Expect: 200-maybe',
    'Upgrade: websocket\r\nConnection: Upgrade',
    'Connection: close, keep-alive',
    'HTTP2-Settings: AAMAAABk',
  ],
];
const REQUEST_LINES = [
  ...[
    'GET',
    'GET /ping',
    'GET  /ping  HTTP/1.1',
    'GET /ping HTTP/1.1 x',
    'GET /ping HTTP/9.9',
    'GET /ping HTTP/0.9',
    'GET /ping HTTP/2.0',
  ],
  ...[
    'get /ping HTTP/1.1',
    'FETCH /ping HTTP/1.1',
    'GET /pi ng HTTP/1.1',
    'GET ping HTTP/1.1',
    'GET a:b HTTP/1.1',
    'GET \xff HTTP/1.1',
    'CONNECT host:80 HTTP/1.1',
  ],
  ...[
    'GET /ping HTTP/1.1\0',
    '\0GET /ping HTTP/1.1',
    'PRI * HTTP/2.0',
    'GET /storage/Zi8x?\x7f HTTP/1.1',
    'GET http:// HTTP/1.1',
    'GET // HTTP/1.1',
  ],
];
const ENDS = ['\r\n', '\n', '\r', '\n\r', '\r\r\n', '\r\n ', '\0'];

const lineDamage: Damage = (bytes, random) => {
  const at = bytes.indexOf('\r\n');
  const line = Buffer.from(`\r\n${pick(LINES, random)}`, 'latin1');
  return at < 0 ? line : Buffer.concat([bytes.subarray(0, at), line, bytes.subarray(at)]);
};

const requestLineDamage: Damage = (bytes, random) => {
  const at = Math.max(0, bytes.indexOf('\r\n'));
  return Buffer.concat([Buffer.from(pick(REQUEST_LINES, random), 'latin1'), bytes.subarray(at)]);
};

const endDamage: Damage = (bytes, random) =>
  Buffer.from(bytes.toString('latin1').replace('\r\n', pick(ENDS, random)), 'latin1');

const lengthDamage: Damage = (bytes, random) =>
  Buffer.from(
    bytes
      .toString('latin1')
      .replace(
        /Content-Length: (\d+)/,
        (_all, length: string) => `Content-Length: ${String(Number(length) + random.below(41) - 20)}`,
      )
      .replace(/^[0-9a-f]+(?=\r\n)/m, () =>
        pick(['zz', 'ffffffff', 'fffffffffffffffff', '-1', '', '0', ' 5', '5 ', '0x5'], random),
      ),
    'latin1',
  );

const headerFlood: Damage = (bytes, random) => {
  const at = Math.max(0, bytes.indexOf('\r\n'));
  const line = `\r\nX-${'n'.repeat(random.below(40))}: ${'v'.repeat(random.below(200))}`;
  return Buffer.concat([
    bytes.subarray(0, at),
    Buffer.from(line.repeat(1 + random.below(3000))),
    bytes.subarray(at),
  ]);
};

const anyDamage: Damage = (bytes, random) => Buffer.from(mutate(bytes, bytes, random));

const replacement: Damage = (_bytes, random) =>
  pick(
    [
      Buffer.from('16030100a5010000a1030352', 'hex'),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('\r\n'.repeat(1 + random.below(500))),
      Buffer.from(randomBytes(random, 1 + random.below(300))),
      Buffer.from(`GET /storage/${'A'.repeat(random.below(40_000))} HTTP/1.1\r\nHost: rondo\r\n\r\n`),
    ],
    random,
  );

const DAMAGES = [
  lineDamage,
  lineDamage,
  requestLineDamage,
  endDamage,
  lengthDamage,
  lengthDamage,
  anyDamage,
  anyDamage,
  anyDamage,
];
const RARE_DAMAGES = [headerFlood, replacement];

function damage(bytes: Buffer, random: Random): Buffer {
  const damaged = pick(random.below(12) === 0 ? RARE_DAMAGES : DAMAGES, random)(bytes, random);
  return random.below(4) === 0 ? damage(damaged, random) : damaged;
}

/** A connection on which at least one request is damaged; sound ones may stand before and after it. */
export function malformedConversation(known: readonly KnownVersion[]): fc.Arbitrary<Conversation> {
  // A reply to HEAD could not be told from the beginning of another.
  const request = soundRequest(known).filter(({ line }) => line.method !== 'HEAD');
  const requests = fc.array(request, { minLength: 1, maxLength: 4, size: 'max' });
  const ending = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Ending>('quiet') },
    fc.constantFrom<Ending>('cut', 'reset'),
  );
  return fc
    .tuple(requests, fc.nat(), fc.integer(), fc.array(fc.nat(300), { maxLength: 3 }), ending)
    .map(([all, which, seed, cuts, end]) => {
      const random = seededRandom(seed);
      const steps = all.flatMap((one, index): Step[] => {
        const bytes = bytesOf(one.steps);
        return pieces(index === which % all.length ? damage(bytes, random) : bytes, cuts);
      });
      return { kind: 'malformed', steps, ending: end, size: all.length };
    });
}

/** Everything that the steps send. */
export function bytesOf(steps: readonly Step[]): Buffer {
  return Buffer.concat(steps.map((step) => (step.type === 'send' ? step.bytes : Buffer.alloc(0))));
}

/** One that never gets to the end of its request; the server has to end it. */
export function slowConversation(part: number): Conversation {
  const starts = ['', 'G', 'GET /storage/Zi8x HTTP/1.1\r\nHost: rondo\r\nX-Slow: ', '\r\n'];
  const bytes = Buffer.from(starts[part % starts.length] ?? '');
  return { kind: 'slow', steps: [{ type: 'send', bytes }], ending: 'stay', size: 1 };
}

/** Bytes as they are, of which nobody knows what they mean. */
export function rawConversation(bytes: Uint8Array): Conversation {
  return { kind: 'raw', steps: [{ type: 'send', bytes }], ending: 'quiet', size: 1 };
}
