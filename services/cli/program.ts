import { Command, CommanderError, Option } from 'commander';
import { urlList, wholeNumber } from './arguments.js';
import { deleteCommand } from './commands/delete.js';
import { exportCommand } from './commands/export.js';
import { getCommand } from './commands/get.js';
import { importCommand } from './commands/import.js';
import { nodesCommand } from './commands/nodes.js';
import { putCommand } from './commands/put.js';
import { recoverCommand } from './commands/recover.js';
import { removeCommand } from './commands/remove.js';
import { repairCommand } from './commands/repair.js';
import { ringCommand } from './commands/ring.js';
import { statusCommand } from './commands/status.js';
import { tokenCommand } from './commands/token.js';
import { verifyCommand } from './commands/verify.js';
import { whereCommand } from './commands/where.js';
import { EXIT, EXIT_CODES_HELP, failureJson, failureLine, failureOf, type ExitCode } from './failure.js';
import type { CommandMaker, Host } from './host.js';
import { startCommand } from './start.js';

/** Runs one command line (without `node` and the script) and gives the exit code; never rejects. */
export async function runCli(argv: readonly string[], host: Host, version: string): Promise<ExitCode> {
  const maker: CommandMaker = { host, outcome: { exit: EXIT.ok } };
  try {
    await createProgram(maker, version).parseAsync(argv, { from: 'user' });
    return maker.outcome.exit;
  } catch (error) {
    return report(error, argv.includes('--json'), host);
  }
}

function createProgram(maker: CommandMaker, version: string): Command {
  const { terminal } = maker.host;
  const program = new Command('rondo')
    .description('Talks to a Rondo cluster, and starts one on this machine.')
    .version(version)
    .addOption(urlOption())
    .option('--json', 'print the result, or the error, as one JSON object')
    .addOption(timeoutOption())
    .addOption(tokenFileOption())
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.writeOut(text),
      writeErr: (text) => terminal.writeErr(text),
    })
    .addHelpText('after', EXIT_CODES_HELP);
  if (!terminal.outIsTty) program.configureOutput({ getOutHelpWidth: () => 100 });
  for (const command of commands(maker)) program.addCommand(inheriting(command, program));
  return program;
}

/** Commander hands settings on only to what it makes itself. */
function inheriting(command: Command, from: Command): Command {
  command.copyInheritedSettings(from);
  for (const verb of command.commands) inheriting(verb, command);
  return command;
}

function commands(maker: CommandMaker): Command[] {
  return [
    startCommand(maker),
    getCommand(maker),
    putCommand(maker),
    deleteCommand(maker),
    statusCommand(maker),
    nodesCommand(maker),
    ringCommand(maker),
    whereCommand(maker),
    repairCommand(maker),
    removeCommand(maker),
    recoverCommand(maker),
    tokenCommand(maker),
    importCommand(maker),
    exportCommand(maker),
    verifyCommand(maker),
  ];
}

function urlOption(): Option {
  return new Option(
    '--url <url>',
    'a node to ask; repeatable or comma-separated, tried in turn (default: RONDO_URL, or http://127.0.0.1:8081)',
  ).argParser(urlList);
}

function timeoutOption(): Option {
  return new Option('--timeout-ms <ms>', 'how long one HTTP request may take')
    .argParser(wholeNumber(1, 3_600_000))
    .default(10_000);
}

function tokenFileOption(): Option {
  return new Option(
    '--token-file <file>',
    'file with the token that nodes want to see, where they do (default: the token in RONDO_TOKEN)',
  );
}

/** Commander has already printed its own complaints. */
function report(error: unknown, json: boolean, host: Host): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    const message = error.message.replace(/^error: /, '');
    const failure = { code: 'usage', exit: EXIT.usage, message, hint: 'See --help' };
    if (json) host.terminal.writeOut(`${failureJson(failure)}\n`);
    return EXIT.usage;
  }
  const failure = failureOf(error);
  if (json) host.terminal.writeOut(`${failureJson(failure)}\n`);
  else host.terminal.writeErr(`${failureLine(failure)}\n`);
  return failure.exit;
}
