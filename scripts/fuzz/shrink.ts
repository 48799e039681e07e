/**
 * Makes bytes shorter for as long as they still show the fault: leaves out ever smaller pieces, then sets what is left to
 * plain letters. `tries` bounds how often the fault is asked for.
 */
export async function shrinkBytes(
  bytes: Uint8Array,
  isFaulty: (bytes: Uint8Array) => boolean | Promise<boolean>,
  tries: number,
): Promise<Uint8Array> {
  let smallest = bytes;
  let left = tries;
  const attempt = async (candidate: Uint8Array): Promise<boolean> => {
    if (left <= 0) return false;
    left--;
    if (!(await isFaulty(candidate))) return false;
    smallest = candidate;
    return true;
  };
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length;) {
      if (!(await attempt(without(smallest, at, size)))) at += size;
    }
  }
  for (let at = 0; at < smallest.length; at++) {
    if (smallest[at] !== PLAIN) await attempt(smallest.with(at, PLAIN));
  }
  return smallest;
}

/** The letter `A`: as good in base64 as in anything else. */
const PLAIN = 0x41;

function without(bytes: Uint8Array, at: number, count: number): Uint8Array {
  const shorter = new Uint8Array(bytes.length - Math.min(count, bytes.length - at));
  shorter.set(bytes.subarray(0, at));
  shorter.set(bytes.subarray(at + count), at);
  return shorter;
}
