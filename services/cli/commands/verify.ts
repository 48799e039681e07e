import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { minNumReadsOption } from '../arguments.js';
import type { ExitCode } from '../failure.js';
import {
  fileChunks,
  readFileRecord,
  readManifest,
  StoredFault,
  type DownloadJob,
} from '../files/download.js';
import type { FileRecord } from '../files/header.js';
import { runJob, type Job, type JobOptions, type JobReport } from '../files/job.js';
import { localReason, openLocal, type LocalFile, type Source, type Walk } from '../files/local.js';
import type { ManifestEntry } from '../files/manifest.js';
import { fileKey, localPath } from '../files/paths.js';
import { forEachConcurrent } from '../files/slots.js';
import { stopIfAsked } from '../files/upload.js';
import { action, type CommandMaker, type Context } from '../host.js';
import { byteCount, count, counted } from '../view/text.js';
import { folderCommand, walkFolder } from './folder.js';

interface VerifyOptions extends JobOptions {
  readonly minNumReads?: number;
}

/** The local file and the store's differ; the message says where. */
class Difference extends Error {
  override readonly name = 'Difference';
}

const HELP = `
Every regular file of DIR is compared with the store byte by byte, through all --url nodes in turn, and with the
manifest of the last import. "missing": not in the store; "different": other bytes; "extra": in the manifest, but not
in DIR; "unreadable": the local file cannot be read.`;

export function verifyCommand(maker: CommandMaker): Command {
  return folderCommand('verify', 'Compare every file of a folder with the store.')
    .addOption(minNumReadsOption())
    .addHelpText('after', HELP)
    .action(action(maker, verifyFolder));
}

async function verifyFolder(
  context: Context,
  [folder = '']: readonly string[],
  command: Command,
): Promise<ExitCode> {
  const options = command.opts<VerifyOptions>();
  const walk = await walkFolder(folder);
  return runJob(context, options, {
    label: 'verify',
    run: (job) => verifyAll(job, Buffer.from(folder, 'utf8'), walk, options),
    report: (job) => reportOf(job, walk),
  });
}

async function verifyAll(job: Job, root: Buffer, walk: Walk, options: VerifyOptions): Promise<void> {
  job.progress.filesTotal = walk.files.length;
  job.progress.bytesTotal = walk.files.reduce((sum, file) => sum + file.size, 0);
  for (const { path, reason } of walk.unreadable) job.problem(path, 'unreadable', reason);
  const download = { ...job, read: { minNumReads: options.minNumReads, quorum: options.quorum } };
  const listed = await listedFiles(job, download, options.prefix);
  await forEachConcurrent(walk.files, options.concurrency, async (file) => {
    stopIfAsked(job.signal);
    await verifyOne(job, download, root, file, options.prefix, listed);
    job.progress.files++;
  });
  const local = new Set([...walk.files, ...walk.unreadable].map((file) => file.path));
  for (const path of listed?.keys() ?? []) {
    if (!local.has(path)) job.problem(path, 'extra', 'the manifest lists it, the folder has it not');
  }
}

/** The manifest by path; where there is none, that is a problem, and the files are compared all the same. */
async function listedFiles(
  job: Job,
  download: DownloadJob,
  prefix: string,
): Promise<Map<string, ManifestEntry> | undefined> {
  try {
    const entries = await readManifest(download, prefix);
    if (entries) return new Map(entries.map((entry) => [entry.path, entry]));
    job.problem('(manifest)', 'missing', 'no import under this prefix has finished');
  } catch (error) {
    if (!(error instanceof StoredFault)) throw error;
    job.problem('(manifest)', 'different', error.message);
  }
  return undefined;
}

async function verifyOne(
  job: Job,
  download: DownloadJob,
  root: Buffer,
  { path }: LocalFile,
  prefix: string,
  listed: ReadonlyMap<string, ManifestEntry> | undefined,
): Promise<void> {
  try {
    const source = await openLocal(localPath(root, path));
    try {
      const key = fileKey(prefix, path);
      const record = await readFileRecord(download, key);
      await compare(job, download, key, record, source);
      if (listed) compareEntry(record, listed.get(path));
    } finally {
      await source.close();
    }
  } catch (error) {
    const [kind, reason] = problemOf(error);
    job.problem(path, kind, reason);
  }
}

async function compare(
  job: Job,
  download: DownloadJob,
  key: Buffer,
  record: FileRecord,
  source: Source,
): Promise<void> {
  const { header } = record;
  if (header.size !== source.size) {
    throw new Difference(`${byteCount(source.size)} here, ${byteCount(header.size)} in the store`);
  }
  const whole = createHash('sha256');
  let offset = 0;
  for await (const chunk of fileChunks(download, key, record)) {
    const local = await source.read(offset, chunk.length);
    if (!local.equals(chunk))
      throw new Difference(`other bytes between ${offset} and ${offset + chunk.length}`);
    whole.update(local);
    offset += chunk.length;
    job.progress.bytes += chunk.length;
  }
  if (whole.digest('hex') !== header.sha256) throw new Difference('the SHA-256 in its header is wrong');
  await source.assertUnchanged();
}

function compareEntry({ header }: FileRecord, entry: ManifestEntry | undefined): void {
  if (!entry) throw new Difference('it is stored, but the manifest does not list it');
  if (entry.size !== header.size || entry.sha256 !== header.sha256) {
    throw new Difference('it is stored, but the manifest lists another version of it');
  }
}

/** Rethrows what is not about this one file. */
function problemOf(error: unknown): [kind: string, reason: string] {
  if (error instanceof Difference) return ['different', error.message];
  if (error instanceof StoredFault) {
    return [error.kind === 'missing' ? 'missing' : 'different', error.message];
  }
  const reason = localReason(error);
  if (reason === undefined) throw error;
  return ['unreadable', reason];
}

function reportOf(job: Job, walk: Walk): JobReport {
  const [missing, different, extra, unreadable] = ['missing', 'different', 'extra', 'unreadable'].map(
    (kind) => job.problems(kind),
  ) as [number, number, number, number];
  const counts = `Missing ${count(missing)}, different ${count(different)}, extra ${count(extra)}, unreadable ${count(unreadable)}.`;
  const lines = [counts, `Skipped ${counted(walk.symlinks, 'symlink')}.`];
  const skipped = { skippedSymlinks: walk.symlinks, skippedOthers: walk.others };
  return {
    lines,
    facts: { filesTotal: walk.files.length, missing, different, extra, unreadable, ...skipped },
  };
}
