import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What `node --cpu-prof` writes; times in µs of the monotonic clock of the machine. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
}

/** Lines and columns count from 0. */
interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** Time in a function itself, without what it calls. */
export interface SelfTime {
  readonly name: string;
  /** `file:line`, of the source where there is a map; empty for what is no JavaScript. */
  readonly place: string;
  readonly micros: number;
}

export interface TimeWindow {
  readonly fromMicros: number;
  readonly toMicros: number;
}

/** Sampled while there was nothing to do. */
export const IDLE = '(idle)';

const FOLDERS_SHOWN = 4;

/** Now, on the clock of the profiles. */
export function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Merges all profiles of a folder. */
export function readProfiles(folder: string, window: TimeWindow): readonly SelfTime[] {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.cpuprofile')) : [];
  const profiles = files
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile);
  return mergeSelfTimes(profiles.map((profile) => selfTimes(profile, window, sourcePlaces())));
}

/** Self time of every function within the window. `placeOf`: what is shown as the place of a frame. */
export function selfTimes(
  { nodes, startTime, samples, timeDeltas }: CpuProfile,
  { fromMicros, toMicros }: TimeWindow,
  placeOf: (frame: CallFrame) => string,
): readonly SelfTime[] {
  const microsOf = new Map<number, number>();
  let now = startTime;
  for (const [index, node] of samples.entries()) {
    now += timeDeltas[index] ?? 0;
    // A sample stands for the time until the next one.
    const length = timeDeltas[index + 1] ?? 0;
    if (now >= fromMicros && now < toMicros) microsOf.set(node, (microsOf.get(node) ?? 0) + length);
  }
  const times = nodes.flatMap(({ id, callFrame }): SelfTime[] => {
    const micros = microsOf.get(id) ?? 0;
    const name = callFrame.functionName || '(anonymous)';
    return micros === 0 ? [] : [{ name, place: placeOf(callFrame), micros }];
  });
  return mergeSelfTimes([times]);
}

/** One entry for each function, the longest first. */
export function mergeSelfTimes(all: readonly (readonly SelfTime[])[]): readonly SelfTime[] {
  const merged = new Map<string, SelfTime>();
  for (const time of all.flat()) {
    const id = `${time.name} ${time.place}`;
    merged.set(id, { ...time, micros: time.micros + (merged.get(id)?.micros ?? 0) });
  }
  return [...merged.values()].sort((left, right) => right.micros - left.micros);
}

/** Summed by what the code belongs to: a file of the node, a package, Node itself. */
export function byArea(times: readonly SelfTime[]): readonly SelfTime[] {
  return mergeSelfTimes([times.map((time) => ({ ...time, name: areaOf(time), place: '' }))]);
}

function areaOf({ name, place }: SelfTime): string {
  const file = place.replace(/:\d+$/, '');
  if (file === '') return name.startsWith('(') && name !== '(anonymous)' ? name : '(native)';
  if (file.startsWith('node:')) return file.split('/').slice(0, 2).join('/');
  const packaged = /node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(file)?.[1];
  if (packaged !== undefined) return packaged;
  return file.split('/').slice(0, FOLDERS_SHOWN).join('/');
}

/** Places as `services/node/main.ts:12`, looked up in the maps that the build leaves beside its output. */
function sourcePlaces(): (frame: CallFrame) => string {
  const maps = new Map<string, SourceMap | undefined>();
  return ({ url, lineNumber, columnNumber }) => {
    if (!url.startsWith('file:')) return url === '' ? '' : `${url}:${String(lineNumber + 1)}`;
    const file = fileURLToPath(url);
    if (!maps.has(file)) maps.set(file, readMap(`${file}.map`));
    const entry = maps.get(file)?.findEntry(lineNumber, columnNumber);
    const line = entry && 'originalLine' in entry ? entry.originalLine : lineNumber;
    const shown = relative(process.cwd(), file).replace(/^dist\/|^.*\/(?=node_modules\/)/, '');
    return `${maps.get(file) ? shown.replace(/\.js$/, '.ts') : shown}:${String(line + 1)}`;
  };
}

function readMap(file: string): SourceMap | undefined {
  return existsSync(file)
    ? new SourceMap(JSON.parse(readFileSync(file, 'utf8')) as SourceMapPayload)
    : undefined;
}
