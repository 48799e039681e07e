import { describe, expect, it } from '@jest/globals';
import { type LoadOrder, parseResult, sumFailures } from '../../../scripts/bench/load.js';
import { wrkScript, wrkVersion } from '../../../scripts/bench/wrk.js';

const PRINTED = `Running 1s test @ http://127.0.0.1:18999/
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.06ms    3.98ms  41.17ms   96.39%
  13626 requests in 1.01s, 1.61MB read
Requests/sec:  13515.08
Transfer/sec:      1.60MB

RESULT {"answered":13626,"seconds":1.008207,"bytes":1689624,"failures":{"connect":0,"read":0,"write":0,"timeout":2,"status above 399":7},"latencies":[[23,1],[41,9]]}
`;

const ORDER: LoadOrder = {
  url: 'http://127.0.0.1:8081',
  shape: { method: 'PUT', path: '/storage/{key}', body: '{"value":"{value}"}' },
  keys: { type: 'sequence', prefix: 'putm0000', first: 1 },
  connections: 32,
  seconds: 8,
  seed: 5,
};

describe('bench: what a load process prints', () => {
  it('the result is found among the rest, with only the failures that there were', () => {
    expect(parseResult(PRINTED)).toEqual({
      answered: 13_626,
      seconds: 1.008207,
      bytes: 1_689_624,
      failures: { timeout: 2, 'status above 399': 7 },
      latencies: [
        [23, 1],
        [41, 9],
      ],
    });
  });

  it('output without a result is an error that shows the output', () => {
    expect(() => parseResult('unable to connect to 127.0.0.1:1')).toThrow('unable to connect');
  });

  it('failures of several processes are summed by name', () => {
    const one = parseResult(PRINTED);
    const other = { ...one, failures: { timeout: 1, connect: 4 } };
    expect(sumFailures([one, other])).toEqual({ timeout: 3, connect: 4, 'status above 399': 7 });
  });

  it('the version of wrk is read, and an unknown text is no fault', () => {
    expect(wrkVersion('wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer')).toBe(
      'debian/4.1.0-3+b2',
    );
    expect(wrkVersion('?')).toBe('unknown');
  });
});

describe('bench: the script of wrk', () => {
  it('a sequence names each number once, beginning with the first', () => {
    const script = wrkScript(ORDER);
    expect(script).toContain('local number, filled = 0, 0');
    expect(script).toContain('number = number + 1\n  return "putm0000" .. format("%08d", number)');
  });

  it('a random key is one of those that were stored', () => {
    const script = wrkScript({ ...ORDER, keys: { type: 'random', prefix: 'benchget', count: 5000 } });
    expect(script).toContain('return "benchget" .. format("%08d", random(1, 5000))');
  });

  it('the request is its pieces in order, quoted for Lua', () => {
    const put =
      'return "PUT /storage/" .. key() .. " HTTP/1.1\\r\\nHost: 127.0.0.1:8081\\r\\nContent-Type: application/json' +
      '\\r\\nContent-Length: 148\\r\\n\\r\\n{\\"value\\":\\"" .. value() .. "\\"}"';
    expect(wrkScript(ORDER)).toContain(put);
  });
});
