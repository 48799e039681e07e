import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type LoadGenerator, type LoadOrder, RESULT_MARK } from './load.js';
import { type KeyChoice, type Piece, piecesOf, KEY_CHARS, PREFIX_CHARS } from './requests.js';
import { COUNTER_DIGITS, POOL_CHARS, valuePool } from './values.js';

const COMMAND = 'wrk';

/** wrk where it is on the PATH: it takes far less of the machine than a generator in JavaScript. */
export function findWrk(): LoadGenerator | undefined {
  const probe = spawnSync(COMMAND, ['-v'], { encoding: 'utf8' });
  if (probe.error) return undefined;
  return {
    name: 'wrk',
    version: wrkVersion(probe.stdout),
    command: (order, file) => {
      writeFileSync(file, wrkScript(order));
      return [COMMAND, ...wrkFlags(order), '-s', file, order.url];
    },
  };
}

export function wrkVersion(text: string): string {
  return /^wrk (\S+)/.exec(text)?.[1] ?? 'unknown';
}

function wrkFlags({ connections, seconds }: LoadOrder): string[] {
  const duration = `${String(Math.max(1, Math.round(seconds)))}s`;
  return ['-t1', `-c${String(connections)}`, '-d', duration, '--timeout', '10s'];
}

/**
 * The Lua of one load process. The answers are not looked at one by one, since that would cost more than the requests;
 * wrk counts those that are not 2xx or 3xx by itself.
 */
export function wrkScript(order: LoadOrder): string {
  const pieces = piecesOf(order.shape, new URL(order.url).host);
  return `local random, format, sub = math.random, string.format, string.sub
math.randomseed(${String(order.seed)})
local pool = "${valuePool(order.seed)}"
local number, filled = ${String(order.keys.type === 'sequence' ? order.keys.first - 1 : 0)}, 0
local function key()
  ${keyLua(order.keys)}
end
local function value()
  filled = filled + 1
  local from = random(1, #pool - ${String(POOL_CHARS)})
  return sub(pool, from, from + ${String(POOL_CHARS - 1)}) .. format("%0${String(COUNTER_DIGITS)}d", filled)
end
function request()
  return ${pieces.map(pieceLua).join(' .. ')}
end
function done(summary, latency)
  local counts = {}
  for i = 1, #latency do
    local micros, count = latency(i)
    counts[i] = format("[%.0f,%.0f]", tonumber(micros), tonumber(count))
  end
  local e = summary.errors
  io.write(format('\\n${RESULT_MARK}{"answered":%d,"seconds":%.6f,"bytes":%.0f,', summary.requests,
    summary.duration / 1e6, summary.bytes))
  io.write(format('"failures":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status above 399":%d},',
    e.connect, e.read, e.write, e.timeout, e.status))
  io.write('"latencies":[', table.concat(counts, ","), "]}\\n")
end
`;
}

function keyLua(keys: KeyChoice): string {
  const text = `"${keys.prefix}" .. format("%0${String(KEY_CHARS - PREFIX_CHARS)}d"`;
  if (keys.type === 'random') return `return ${text}, random(1, ${String(keys.count)}))`;
  return `number = number + 1
  return ${text}, number)`;
}

/** Strings of JSON are strings of Lua as long as they are printable ASCII and line ends. */
function pieceLua(piece: Piece): string {
  return 'text' in piece ? JSON.stringify(piece.text) : `${piece.fill}()`;
}
