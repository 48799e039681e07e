import type { Command } from 'commander';
import { minNumWritesOption } from '../arguments.js';
import { CliError, type ExitCode } from '../failure.js';
import { runJob, type Job, type JobOptions, type JobReport } from '../files/job.js';
import { localReason, memorySource, openLocal, type LocalFile, type Walk } from '../files/local.js';
import { encodeManifest, type ManifestEntry } from '../files/manifest.js';
import { fileKey, localPath, manifestKey } from '../files/paths.js';
import { forEachConcurrent } from '../files/slots.js';
import { CHUNK_BYTES, stopIfAsked, uploadFile, type Uploaded, type UploadJob } from '../files/upload.js';
import { action, type CommandMaker, type Context } from '../host.js';
import { count, counted } from '../view/text.js';
import { folderCommand, walkFolder } from './folder.js';

interface ImportOptions extends JobOptions {
  readonly minNumWrites?: number;
}

interface Tally {
  readonly uploaded: Record<Uploaded['how'], number>;
  oldChunksDeleted: number;
  manifestStored: boolean;
}

const HELP = `
Every regular file is stored under its relative path, in chunks of 256 KiB, and a manifest of all of them under
PREFIX + NUL + "manifest". Symlinks are skipped and counted; modes, owners and empty folders are not kept. Running it
again continues where it stopped: what is already there, byte for byte, is left alone, what differs is replaced.
Nothing is deleted that is no longer in DIR; it only leaves the manifest. One import a prefix at a time.`;

export function importCommand(maker: CommandMaker): Command {
  return folderCommand('import', 'Store every file of a folder.')
    .addOption(minNumWritesOption())
    .addHelpText('after', HELP)
    .action(action(maker, importFolder));
}

async function importFolder(
  context: Context,
  [folder = '']: readonly string[],
  command: Command,
): Promise<ExitCode> {
  const options = command.opts<ImportOptions>();
  const walk = await walkFolder(folder);
  const tally: Tally = {
    uploaded: { written: 0, replaced: 0, present: 0 },
    oldChunksDeleted: 0,
    manifestStored: false,
  };
  return runJob(context, options, {
    label: 'import',
    run: (job) => importAll(job, Buffer.from(folder, 'utf8'), walk, options, tally),
    report: (job) => reportOf(job, walk, tally),
  });
}

async function importAll(
  job: Job,
  root: Buffer,
  walk: Walk,
  options: ImportOptions,
  tally: Tally,
): Promise<void> {
  job.progress.filesTotal = walk.files.length;
  job.progress.bytesTotal = walk.files.reduce((sum, file) => sum + file.size, 0);
  for (const { path, reason } of walk.unreadable) job.problem(path, 'unreadable', reason);
  const upload = uploadJob(job, options);
  const entries: ManifestEntry[] = [];
  await forEachConcurrent(walk.files, options.concurrency, async (file) => {
    stopIfAsked(job.signal);
    const entry = await importOne(job, upload, root, file, options.prefix, tally);
    if (entry) entries.push(entry);
    job.progress.files++;
  });
  const manifest = { ...upload, onBytes: () => undefined };
  await uploadFile(manifest, manifestKey(options.prefix), memorySource(encodeManifest(entries)));
  tally.manifestStored = true;
}

function uploadJob({ store, slots, signal, progress }: Job, options: ImportOptions): UploadJob {
  const { minNumWrites, quorum } = options;
  const onBytes = (bytes: number): void => void (progress.bytes += bytes);
  return { store, slots, signal, write: { minNumWrites, quorum }, chunkBytes: CHUNK_BYTES, onBytes };
}

/** Gives the manifest's entry, or undefined where this file failed and was reported. */
async function importOne(
  job: Job,
  upload: UploadJob,
  root: Buffer,
  { path }: LocalFile,
  prefix: string,
  tally: Tally,
): Promise<ManifestEntry | undefined> {
  try {
    const source = await openLocal(localPath(root, path));
    try {
      const { how, size, sha256, oldChunksDeleted } = await uploadFile(upload, fileKey(prefix, path), source);
      tally.uploaded[how]++;
      tally.oldChunksDeleted += oldChunksDeleted;
      return { path, size, sha256 };
    } finally {
      await source.close();
    }
  } catch (error) {
    const reason = ownFault(error);
    if (reason === undefined) throw error;
    job.problem(path, 'failed', reason);
    return undefined;
  }
}

/** Refusals that are about one file; with any other the next files would meet the same. */
const OWN_REFUSALS: ReadonlySet<string> = new Set([
  ...['invalid_key', 'key_too_large', 'headers_too_large', 'contended'],
  ...['value_too_large', 'body_too_large', 'record_too_large'],
]);

/** Why this one file failed; undefined where it is not about this file. */
function ownFault(error: unknown): string | undefined {
  if (!(error instanceof CliError)) return localReason(error);
  return OWN_REFUSALS.has(error.failure.code) ? error.failure.message : undefined;
}

function reportOf(job: Job, walk: Walk, tally: Tally): JobReport {
  const { written, replaced, present } = tally.uploaded;
  const lines = [
    `Written ${count(written)}, replaced ${count(replaced)}, already there ${count(present)}, failed ${count(job.problems())}.`,
    `Skipped ${counted(walk.symlinks, 'symlink')} and ${counted(walk.others, 'other entry', 'other entries')}.`,
  ];
  if (tally.oldChunksDeleted > 0) lines.push(`Old chunks deleted: ${count(tally.oldChunksDeleted)}.`);
  const facts = {
    filesTotal: walk.files.length,
    ...{ written, replaced, alreadyThere: present, failed: job.problems() },
    ...{ skippedSymlinks: walk.symlinks, skippedOthers: walk.others },
    ...{ oldChunksDeleted: tally.oldChunksDeleted, manifestStored: tally.manifestStored },
  };
  return { lines, facts };
}
