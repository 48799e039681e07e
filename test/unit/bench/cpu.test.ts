import { describe, expect, it } from '@jest/globals';
import { cpuUse, parseBusyMicros, parseProcessCpu, readCpu } from '../../../scripts/bench/cpu.js';

const STAT =
  '16757 (node) S 16700 16700 2216 0 -1 4194304 47312 0 3 0 812 97 5 6 20 0 11 0 2073456 1303736320 31012\n';

describe('bench: CPU time', () => {
  it('user and system time are added, those of ended children by themselves', () => {
    expect(parseProcessCpu(STAT)).toEqual({ ownMicros: (812 + 97) * 10_000, childrenMicros: 11 * 10_000 });
  });

  it('a name with spaces and brackets does not shift the fields', () => {
    const odd = STAT.replace('(node)', '(a) b (c) 1 2)');
    expect(parseProcessCpu(odd)).toEqual(parseProcessCpu(STAT));
  });

  it('another text is refused', () => {
    expect(() => parseProcessCpu('no such process')).toThrow('/proc/PID/stat');
    expect(() => parseBusyMicros('cpu  1 2 3\n')).toThrow('/proc/stat');
  });

  it('the machine works in all fields but those of idleness; guests are not counted twice', () => {
    expect(parseBusyMicros('cpu  1 2 4 1000 2000 8 16 32 64 128\ncpu0 9 9 9 9 9 9 9 9 0 0\n')).toBe(
      63 * 10_000,
    );
  });

  it('what neither the servers nor the load used was used by others', () => {
    const before = { atMs: 1000, serversMicros: 500, loadMicros: 100, machineMicros: 9000 };
    const after = { atMs: 3000, serversMicros: 1_000_500, loadMicros: 400_100, machineMicros: 2_409_000 };
    expect(cpuUse(before, after)).toEqual({ serversMicros: 1_000_000, othersCores: 0.5 });
    expect(cpuUse(before, undefined)).toBeUndefined();
  });

  it('others never use less than nothing, however the counters are rounded', () => {
    const before = { atMs: 0, serversMicros: 0, loadMicros: 0, machineMicros: 0 };
    const after = { atMs: 1000, serversMicros: 900_000, loadMicros: 120_000, machineMicros: 1_000_000 };
    expect(cpuUse(before, after)).toEqual({ serversMicros: 900_000, othersCores: 0 });
  });

  it('a process that is gone makes the reading unknown', () => {
    expect(readCpu([process.pid])?.serversMicros).toBeGreaterThan(0);
    expect(readCpu([process.pid, 2 ** 30])).toBeUndefined();
  });
});
