import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ChurningMap } from '../../../services/node/core/churningMap.js';

const changes = fc.array(fc.record({ key: fc.nat(40), deletes: fc.boolean(), value: fc.nat() }), {
  maxLength: 2000,
  size: 'max',
});

describe('a map whose entries come and go', () => {
  it('holds what a Map holds, in the same order, over any number of copies', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const [map, model] = [new ChurningMap<number, number>(), new Map<number, number>()];
        for (const { key, deletes, value } of all) {
          if (deletes) expect(map.delete(key)).toBe(model.delete(key));
          else {
            map.set(key, value);
            model.set(key, value);
          }
          expect([map.get(key), map.has(key), map.size]).toEqual([
            model.get(key),
            model.has(key),
            model.size,
          ]);
        }
        expect(map.entries()).toEqual([...model]);
        expect(map.keys()).toEqual([...model.keys()]);
      }),
    );
  });

  it('goes on as it was where it is changed while a list of its entries is worked off', () => {
    const map = new ChurningMap<number, string>();
    for (let key = 0; key < 500; key++) map.set(key, String(key));
    for (const key of map.keys()) if (key % 5 > 0) map.delete(key);
    expect(map.entries()).toEqual(Array.from({ length: 100 }, (_, i) => [5 * i, String(5 * i)]));
  });
});
