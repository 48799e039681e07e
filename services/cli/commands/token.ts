import { Option, type Command } from 'commander';
import { SCOPES, type Scope } from '../../node/tokens/token.js';
import type { TokenFileError, TokenRecord } from '../../node/tokens/tokenFile.js';
import { CliError, EXIT, usageError, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import { counted, table } from '../view/text.js';

const HELP = `
The file keeps hashes only, and belongs on every node (--api-token-file). Nodes see within about a second that it has changed.
Make it as the user that the nodes run as: nobody else may read it.

To replace a token: create another one, give the new file to every node and the new token to its clients, then revoke the old
one.

Examples:
  rondo token create --name shop --scope write --file tokens.json > shop.token
  rondo token list --file tokens.json
  rondo token revoke --name shop --file tokens.json
  rondo get greeting --token-file shop.token`;

interface TokenOptions {
  readonly file: string;
  readonly name: string;
  readonly scope: Scope;
}

export function tokenCommand(maker: CommandMaker): Command {
  const command = newCommand(
    'token',
    'Make, list and revoke the tokens that clients show to nodes.',
  ).addHelpText('after', HELP);
  const verbs = [
    verb(maker, 'create', 'Make a token: print it, this once, and add its hash to the file.', create)
      .requiredOption('--name <name>', 'what it is called, to revoke it by')
      .addOption(scopeOption()),
    verb(maker, 'list', 'List the tokens of the file; their hashes are all that is known of them.', list),
    verb(maker, 'revoke', 'Take a token out of the file.', revoke).requiredOption(
      '--name <name>',
      'what it is called',
    ),
  ];
  for (const each of verbs) command.addCommand(each);
  return command;
}

type Run = (context: Context, options: TokenOptions) => Promise<ExitCode>;

function verb(maker: CommandMaker, name: string, description: string, run: Run): Command {
  return newCommand(name, description)
    .requiredOption('--file <file>', 'the token file')
    .action(
      action(maker, (context, _args, command) => translated(run(context, command.opts<TokenOptions>()))),
    );
}

function scopeOption(): Option {
  return new Option('--scope <scope>', 'write includes read').choices([...SCOPES]).makeOptionMandatory();
}

async function create({ terminal, json }: Context, { name, scope, file }: TokenOptions): Promise<ExitCode> {
  const { addToken, isTokenName } = await import('../../node/tokens/tokenFile.js');
  if (!isTokenName(name)) {
    throw usageError('a name has up to 63 letters, digits, dots, dashes and underscores, the first no sign');
  }
  const token = await addToken(file, name, scope, new Date());
  if (json) {
    terminal.writeOut(`${JSON.stringify({ success: true, name, scope, token })}\n`);
    return EXIT.ok;
  }
  terminal.writeOut(`${token}\n`);
  terminal.writeErr(`${file} has the hash of ${name} (${scope}). Keep the token: nothing shows it again.\n`);
  return EXIT.ok;
}

async function list({ terminal, json }: Context, { file }: TokenOptions): Promise<ExitCode> {
  const { listTokens } = await import('../../node/tokens/tokenFile.js');
  const tokens = await listTokens(file);
  if (json) {
    const shown = tokens.map(({ name, scope, createdAt }) => ({ name, scope, createdAt }));
    terminal.writeOut(`${JSON.stringify({ success: true, tokens: shown })}\n`);
    return EXIT.ok;
  }
  terminal.writeOut(`${drawn(tokens).join('\n')}\n`);
  return EXIT.ok;
}

function drawn(tokens: readonly TokenRecord[]): string[] {
  const head = counted(tokens.length, 'token');
  if (tokens.length === 0) return [head];
  const rows = tokens.map(({ name, scope, createdAt }) => [name, scope, createdAt]);
  return [head, '', ...table(['name', 'scope', 'created'], ['left', 'left', 'left'], rows)];
}

async function revoke({ terminal, json }: Context, { name, file }: TokenOptions): Promise<ExitCode> {
  const { revokeToken } = await import('../../node/tokens/tokenFile.js');
  await revokeToken(file, name);
  const text = `${name} is revoked where nodes have this ${file}; give it to all.`;
  terminal.writeOut(`${json ? JSON.stringify({ success: true, name }) : text}\n`);
  return EXIT.ok;
}

async function translated(work: Promise<ExitCode>): Promise<ExitCode> {
  const { TokenFileError } = await import('../../node/tokens/tokenFile.js');
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof TokenFileError)) throw error;
    const [exit, hint] = ADVICE[error.code];
    throw new CliError({ code: `token_${error.code}`, exit, message: error.message, hint, outcome: 'none' });
  }
}

const ADVICE: Readonly<Record<TokenFileError['code'], readonly [exit: ExitCode, hint: string | undefined]>> =
  {
    unusable: [EXIT.usage, 'Is --file the token file of the nodes?'],
    exists: [EXIT.conflict, 'Choose another name, or revoke that one first'],
    unknown: [EXIT.negative, '`rondo token list` shows the names'],
    full: [EXIT.conflict, 'Revoke those that nobody uses'],
    busy: [EXIT.unavailable, undefined],
  };
