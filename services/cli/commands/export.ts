import { mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { minNumReadsOption } from '../arguments.js';
import { CliError, EXIT, errnoOf, usageError, type ExitCode } from '../failure.js';
import {
  fileChunks,
  readFileRecord,
  readManifest,
  StoredFault,
  type DownloadJob,
} from '../files/download.js';
import { runJob, type Job, type JobOptions, type JobReport } from '../files/job.js';
import type { ManifestEntry } from '../files/manifest.js';
import { fileKey } from '../files/paths.js';
import { forEachConcurrent } from '../files/slots.js';
import { stopIfAsked } from '../files/upload.js';
import { createFolderWriter, WriteRefused, type FolderWriter } from '../files/writing.js';
import { action, type CommandMaker, type Context } from '../host.js';
import { count } from '../view/text.js';
import { folderCommand } from './folder.js';

interface ExportOptions extends JobOptions {
  readonly minNumReads?: number;
}

interface Tally {
  written: number;
  present: number;
}

const HELP = `
Writes every file of the manifest below DIR, which is made if need be: beside its place first, and renamed when size
and SHA-256 are right. Files that are already there, byte for byte, are left alone; others are replaced. Paths that
lead out of DIR, also through a symlink, are refused.`;

export function exportCommand(maker: CommandMaker): Command {
  return folderCommand('export', 'Write every imported file below a folder.')
    .addOption(minNumReadsOption())
    .addHelpText('after', HELP)
    .action(action(maker, exportFolder));
}

async function exportFolder(
  context: Context,
  [folder = '']: readonly string[],
  command: Command,
): Promise<ExitCode> {
  const options = command.opts<ExportOptions>();
  await makeRoot(folder);
  const tally: Tally = { written: 0, present: 0 };
  return runJob(context, options, {
    label: 'export',
    run: (job) => exportAll(job, folder, options, tally),
    report: (job) => reportOf(job, tally),
  });
}

async function makeRoot(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw usageError(`${folder} cannot be made a folder (${errnoOf(error) ?? String(error)})`);
  }
}

async function exportAll(job: Job, folder: string, options: ExportOptions, tally: Tally): Promise<void> {
  const download = { ...job, read: { minNumReads: options.minNumReads, quorum: options.quorum } };
  const entries = await manifestOf(download, options.prefix);
  job.progress.filesTotal = entries.length;
  job.progress.bytesTotal = entries.reduce((sum, entry) => sum + entry.size, 0);
  const writer = createFolderWriter(Buffer.from(folder, 'utf8'));
  await forEachConcurrent(entries, options.concurrency, async (entry) => {
    stopIfAsked(job.signal);
    await exportOne(job, download, writer, entry, options.prefix, tally);
    job.progress.files++;
  });
}

async function manifestOf(download: DownloadJob, prefix: string): Promise<ManifestEntry[]> {
  const refuse = (message: string): CliError =>
    new CliError({ code: 'no_manifest', exit: EXIT.negative, message });
  try {
    const entries = await readManifest(download, prefix);
    if (entries) return entries;
  } catch (error) {
    if (error instanceof StoredFault) throw refuse(`the manifest cannot be used: ${error.message}`);
    throw error;
  }
  throw refuse('there is no manifest: no import under this prefix has finished');
}

async function exportOne(
  job: Job,
  download: DownloadJob,
  writer: FolderWriter,
  entry: ManifestEntry,
  prefix: string,
  tally: Tally,
): Promise<void> {
  try {
    const how = await writer.place(entry, () => contentOf(job, download, entry, prefix));
    tally[how]++;
    if (how === 'present') job.progress.bytes += entry.size;
  } catch (error) {
    const [kind, reason] = problemOf(error);
    job.problem(entry.path, kind, reason);
  }
}

async function* contentOf(
  job: Job,
  download: DownloadJob,
  entry: ManifestEntry,
  prefix: string,
): AsyncGenerator<Buffer> {
  const key = fileKey(prefix, entry.path);
  const record = await readFileRecord(download, key);
  if (record.header.sha256 !== entry.sha256 || record.header.size !== entry.size) {
    throw new StoredFault('damaged', 'the store holds another version than the manifest lists');
  }
  for await (const chunk of fileChunks(download, key, record)) {
    job.progress.bytes += chunk.length;
    yield chunk;
  }
}

/** Rethrows what is not about this one file. */
function problemOf(error: unknown): [kind: string, reason: string] {
  if (error instanceof StoredFault) return [error.kind, error.message];
  if (error instanceof WriteRefused) return ['refused', error.message];
  const errno = errnoOf(error);
  if (errno === undefined || errno === 'ENOSPC') throw error;
  return ['unwritable', errno];
}

function reportOf(job: Job, { written, present }: Tally): JobReport {
  const failed = job.problems();
  const line = `Written ${count(written)}, already there ${count(present)}, failed ${count(failed)}.`;
  return {
    lines: [line],
    facts: { filesTotal: job.progress.filesTotal, written, alreadyThere: present, failed },
  };
}
