import type { Command } from 'commander';
import { keyBase64Option, keyBytes, minNumReadsOption, quorumOption, wholeNumber } from '../arguments.js';
import { EXIT, usageError, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import type { ReadOutcome } from '../http/replies.js';
import { byteCount, printable } from '../view/text.js';

interface GetOptions {
  readonly keyBase64?: boolean;
  readonly minNumReads?: number;
  readonly quorum?: string;
  readonly sibling?: number;
}

type Found = Extract<ReadOutcome, { status: 'found' }>;

export function getCommand(maker: CommandMaker): Command {
  return newCommand('get', 'Print the value of a key, byte for byte.')
    .argument('<key>', 'the key, as UTF-8 text')
    .option(
      '--sibling <n>',
      'print this one of several concurrent values, counted from 1',
      wholeNumber(1, 1_000_000),
    )
    .addOption(minNumReadsOption())
    .addOption(quorumOption())
    .addOption(keyBase64Option())
    .action(action(maker, get));
}

async function get(context: Context, [key = '']: readonly string[], command: Command): Promise<ExitCode> {
  const options = command.opts<GetOptions>();
  const bytes = keyBytes(key, options.keyBase64 === true);
  const read = await context.connect().get(bytes, options);
  if (read.status === 'missing') return missing(context, bytes, key, read.version);
  const chosen = choose(read, options.sibling);
  if (context.json) printJson(context, bytes, read.version, chosen ? [chosen] : read.values);
  else if (chosen) printValue(context, chosen, read.version);
  else listSiblings(context, key, read);
  return chosen ? EXIT.ok : EXIT.conflict;
}

/** The value to print, or undefined where the user has to choose. */
function choose({ values }: Found, sibling: number | undefined): Buffer | undefined {
  if (sibling === undefined) return values.length === 1 ? values[0] : undefined;
  const chosen = values[sibling - 1];
  if (!chosen) throw usageError(`--sibling ${sibling}: there are only ${values.length}`);
  return chosen;
}

function missing(context: Context, bytes: Buffer, key: string, version: string): ExitCode {
  if (context.json) printJson(context, bytes, version, []);
  else
    context.terminal.writeErr(`rondo: ${printable(key)} is ${version === '' ? 'not stored' : 'deleted'}.\n`);
  return EXIT.negative;
}

function printJson(context: Context, key: Buffer, version: string, values: readonly Buffer[]): void {
  const body = { version, values: values.map((value) => value.toString('base64')) };
  context.terminal.writeOut(`${JSON.stringify({ key: key.toString('base64'), value: body })}\n`);
}

/** On a terminal the version is worth a line of its own; in a pipe only the value's bytes leave. */
function printValue({ terminal }: Context, value: Buffer, version: string): void {
  terminal.writeOut(value);
  if (!terminal.outIsTty) return;
  if (value.at(-1) !== 0x0a) terminal.writeOut('\n');
  if (terminal.errIsTty) terminal.writeErr(`version: ${version}\n`);
}

function listSiblings({ terminal }: Context, key: string, { version, values }: Found): void {
  const lines = [
    `rondo: ${printable(key)} has ${values.length} siblings (concurrent values):`,
    ...values.map((value, i) => `  ${i + 1}  ${byteCount(value.length).padStart(12)}  ${preview(value)}`),
    'Print one with --sibling N; settle on one value with:',
    `  rondo put KEY VALUE --from-version ${version}`,
  ];
  terminal.writeErr(`${lines.join('\n')}\n`);
}

function preview(value: Buffer): string {
  const text = printable(value.subarray(0, 40).toString('utf8'));
  return value.length > 40 ? `${text}…` : text;
}
