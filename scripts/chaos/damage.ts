import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { metricOf, waitForPeers, type NodeView } from '../support/nodeViews.js';
import type { SeparateNode } from '../support/separate.js';
import {
  endScene,
  firstView,
  killVictim,
  paired,
  setScene,
  snapshot,
  untilRebuilt,
  whyNotNoticed,
  type Scene,
  type ScenarioOptions,
  type ScenarioResult,
} from './scenario.js';

/**
 * A node's database is damaged while it is down. `log`: a byte in the midst of a log is another; `table`: a table is cut in
 * half; `current`: the file that names the manifest is gone. The node has to notice, set the directory aside, and be
 * rebuilt by the others under another actor (R12). `torn`: all that a power cut leaves of a batch that was being written,
 * which is no damage: nobody was told of it.
 */
export type Damage = 'log' | 'table' | 'current' | 'torn';

export const DAMAGES: readonly Damage[] = ['log', 'table', 'current', 'torn'];

export interface DamageOptions extends ScenarioOptions {
  readonly what: Damage;
}

const SET_ASIDE = 'db.damaged-1';
const QUARANTINED = 'rondo_storage_directories_quarantined_total';

/** Rejects where the cluster cannot be started, or the node does not come back at all. */
export async function runDamage(options: DamageOptions): Promise<ScenarioResult> {
  const { what, say } = options;
  const scene = await setScene(options);
  const { cluster, load, victim } = scene;
  const first = await firstView(scene);
  await load.reach(0.3);
  if (what === 'table') await restart(scene);
  await load.reach(0.6);
  const resources = snapshot(cluster);
  load.workload.mark('fault');
  await killVictim(scene);
  const done = damage(join(victim.dataDir, 'db'), what);
  say(`${victim.id} killed with ${String(load.workload.inFlight())} requests in flight; ${done}`);
  victim.start({ founding: false });
  const startedMs = performance.now();
  const after = await firstView(scene);
  await waitForPeers(cluster.urls);
  load.workload.mark('healed');
  say(`${victim.id} is back: actor ${first.actor} → ${after.actor}, complete ${String(after.complete)}`);
  const rebuilt = await untilRebuilt(scene, startedMs);
  await load.reach(1);
  const noticed = await whyNotTreated(scene.victim, what, [first, after]);
  return endScene(scene, {
    resources: paired(resources, snapshot(cluster)),
    figures: [
      ['damage', done],
      ['actor of the damaged node', `${first.actor} → ${after.actor}`],
      ['seconds from its start until it is complete', rebuilt.seconds],
    ],
    broken: [...noticed, ...rebuilt.broken],
  });
}

/** A start makes a table of what is in the log. */
async function restart(scene: Scene): Promise<void> {
  await killVictim(scene);
  scene.victim.start({ founding: false });
  await scene.cluster.waitReady();
  await waitForPeers(scene.cluster.urls);
}

/** Damages the closed database in `directory`, and says how. */
function damage(directory: string, what: Damage): string {
  switch (what) {
    case 'log':
      return flipInMidst(newest(directory, '.log'));
    case 'table':
      return cutInHalf(newest(directory, '.ldb'));
    case 'current':
      rmSync(join(directory, 'CURRENT'));
      return 'CURRENT removed';
    case 'torn':
      return appendTornBatch(newest(directory, '.log'));
  }
}

/** The numbers of LevelDB's files have six digits. Throws where there is none. */
function newest(directory: string, extension: string): string {
  const names = readdirSync(directory).filter((name) => name.endsWith(extension));
  const last = names.sort().at(-1);
  if (last === undefined) throw new Error(`there is no ${extension} in ${directory}: the run is too small`);
  return join(directory, last);
}

function flipInMidst(file: string): string {
  const at = Math.floor(statSync(file).size / 2);
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte.writeUInt8(byte.readUInt8() ^ 0xff);
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
  return `byte ${String(at)} of ${file} flipped`;
}

function cutInHalf(file: string): string {
  const { size } = statSync(file);
  truncateSync(file, Math.floor(size / 2));
  return `${file} cut from ${String(size)} to ${String(Math.floor(size / 2))} bytes`;
}

/** LevelDB cuts its logs into blocks; no piece of a batch crosses the end of one. */
const BLOCK_BYTES = 32 * 1024;
/** Checksum, length and type of a piece. */
const HEADER_BYTES = 7;
const TORN_BYTES = 20;

/** The beginning of the log's first batch once more, which is the beginning of a batch as good as any. */
function appendTornBatch(file: string): string {
  const log = readFileSync(file);
  const room = BLOCK_BYTES - (log.length % BLOCK_BYTES);
  // Where no head fits into what is left of a block, LevelDB leaves zeros.
  const filler = Buffer.alloc(room < HEADER_BYTES ? room : 0);
  const length = room < HEADER_BYTES ? TORN_BYTES : Math.min(room, TORN_BYTES);
  appendFileSync(file, Buffer.concat([filler, log.subarray(0, length)]));
  return `${String(length)} bytes of a batch appended to ${file}`;
}

async function whyNotTreated(
  { url, dataDir }: SeparateNode,
  what: Damage,
  [before, after]: readonly [NodeView, NodeView],
): Promise<readonly string[]> {
  const isAside = existsSync(join(dataDir, SET_ASIDE));
  const counted = await metricOf(url, QUARANTINED);
  const gauge = await metricOf(url, 'rondo_complete');
  const incomplete = gauge === 1 ? [] : ['the gauge rondo_complete is not 1 again'];
  if (what === 'torn') {
    const isAlarmed = before.actor !== after.actor || isAside || counted > 0;
    return [...incomplete, ...(isAlarmed ? ['a batch that was cut off was taken for damage'] : [])];
  }
  return [
    ...incomplete,
    ...whyNotNoticed(before, after),
    ...(isAside ? [] : [`the damaged directory was not kept as ${SET_ASIDE}`]),
    ...(counted === 1 ? [] : [`${QUARANTINED} is ${String(counted)}`]),
  ];
}
