import { Option, type Command } from 'commander';
import { keyBase64Option, keyBytes, minNumWritesOption, quorumOption } from '../arguments.js';
import { CliError, EXIT, usageError, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import type { WriteOutcome } from '../http/replies.js';
import { InputTooLarge, type Terminal } from '../terminal.js';

interface PutOptions {
  readonly keyBase64?: boolean;
  readonly fromVersion?: string;
  readonly overwrite?: boolean;
  readonly onConflict?: string;
  readonly minNumWrites?: number;
  readonly quorum?: string;
  readonly requestId?: string;
}

/** More than any node takes; the node itself says what is too large. */
const VALUE_BYTES_MAX = 64 * 1024 * 1024;

export function putCommand(maker: CommandMaker): Command {
  return newCommand(
    'put',
    'Store a value and print its version. Without options: only where nothing is stored.',
  )
    .argument('<key>', 'the key, as UTF-8 text')
    .argument('[value]', 'the value, as UTF-8 text; without it, standard input')
    .option('--from-version <version>', 'replace what you read: the version that `rondo get --json` gave')
    .addOption(
      new Option('--overwrite', 'read the version first and replace whatever is there').conflicts(
        'fromVersion',
      ),
    )
    .addOption(
      new Option('--on-conflict <kind>', 'what to do where the version is stale')
        .choices(['refuse', 'sibling'])
        .default('refuse'),
    )
    .addOption(minNumWritesOption())
    .addOption(quorumOption())
    .option(
      '--request-id <id>',
      'repeat with the same id after "may or may not have happened": one write only',
    )
    .addOption(keyBase64Option())
    .action(action(maker, put));
}

async function put(context: Context, args: readonly string[], command: Command): Promise<ExitCode> {
  const options = command.opts<PutOptions>();
  const [key = '', text] = args;
  const bytes = keyBytes(key, options.keyBase64 === true);
  const value = text === undefined ? await readValue(context.terminal) : Buffer.from(text, 'utf8');
  if (value.length === 0) throw usageError('an empty value would be a delete', 'Use `rondo delete` for that');
  const client = context.connect();
  const fromVersion = options.overwrite
    ? (await client.get(bytes, { quorum: options.quorum })).version
    : (options.fromVersion ?? '');
  const written = await client.put(bytes, value, fromVersion, options);
  return reportWrite(context, written, 'stored');
}

async function readValue(terminal: Terminal): Promise<Buffer> {
  if (terminal.inIsTty && terminal.errIsTty) terminal.writeErr('Reading the value; end it with Ctrl-D.\n');
  try {
    return await terminal.readIn(VALUE_BYTES_MAX);
  } catch (error) {
    if (error instanceof InputTooLarge) throw usageError(error.message);
    throw error;
  }
}

/** Prints what a write did; `put` and `delete` share it. Throws where it was refused. */
export function reportWrite(context: Context, written: WriteOutcome, done: string): ExitCode {
  if (written.status !== 'stored') throw refused(written);
  const { version, siblings } = written;
  const { terminal } = context;
  if (context.json) {
    terminal.writeOut(
      `${JSON.stringify({ success: true, version, ...(version === null && { siblings }) })}\n`,
    );
  } else if (version === null) {
    terminal.writeErr(
      `rondo: ${done}, as one of ${siblings} siblings; read the key before writing it again.\n`,
    );
  } else terminal.writeOut(`${version}\n`);
  return EXIT.ok;
}

function refused(written: Exclude<WriteOutcome, { status: 'stored' }>): CliError {
  if (written.status === 'crowded') {
    return new CliError({
      code: 'too_many_siblings',
      exit: EXIT.conflict,
      message: 'the key has too many siblings',
      hint: 'Read it with `rondo get`, then write with the version that it shows',
      outcome: 'none',
    });
  }
  return new CliError({
    code: 'stale_version',
    exit: EXIT.conflict,
    message: 'the key has been written since that version; nothing was changed',
    hint: 'Read it with `rondo get` and decide: --from-version with the new version, or --overwrite',
    outcome: 'none',
  });
}
