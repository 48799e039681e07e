import { Command } from 'commander';
import { readHeldToken } from '../node/tokens/heldToken.js';
import { isToken } from '../node/tokens/token.js';
import { parseUrls } from './arguments.js';
import { EXIT_CODES_HELP, usageError, type ExitCode } from './failure.js';
import { createClient, type StoreClient } from './http/client.js';
import type { Terminal } from './terminal.js';

/** What a whole run of `rondo` stands on; main.ts gives it the real process, tests their own. */
export interface Host {
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
  /** The script that runs a single node. */
  readonly nodeEntry: string;
}

/** What a command gets besides its own options. */
export interface Context {
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
  readonly json: boolean;
  readonly timeoutMs: number;
  readonly urls: readonly [URL, ...URL[]];
  /** Shown to every node. */
  readonly token: string | undefined;
  /** A client that is closed when the command ends. */
  connect(tries?: { readonly retryMs: number; readonly signal?: AbortSignal }): StoreClient;
}

interface GlobalOptions {
  readonly url?: readonly URL[];
  readonly json?: boolean;
  readonly timeoutMs: number;
  readonly tokenFile?: string;
}

const DEFAULT_URL = 'http://127.0.0.1:8081';

/** Where actions leave the exit code, since commander's return nothing. */
export interface Outcome {
  exit: ExitCode;
}

export interface CommandMaker {
  readonly host: Host;
  readonly outcome: Outcome;
}

/** A command whose help explains the exit codes. */
export function newCommand(name: string, description: string): Command {
  return new Command(name).description(description).addHelpText('after', EXIT_CODES_HELP);
}

/**
 * An action for commander: makes the context, runs the command with its arguments and options, keeps the exit code and
 * closes the connections, whatever happens.
 */
export function action(
  maker: CommandMaker,
  run: (context: Context, args: readonly string[], command: Command) => Promise<ExitCode>,
): (this: Command) => Promise<void> {
  return async function (this: Command) {
    const clients: StoreClient[] = [];
    const context = contextOf(maker.host, this.optsWithGlobals(), clients);
    try {
      maker.outcome.exit = await run(context, this.args, this);
    } finally {
      for (const client of clients) client.close();
    }
  };
}

function contextOf(host: Host, options: GlobalOptions, clients: StoreClient[]): Context {
  const urls = urlsFrom(options, host.environment);
  const token = tokenFrom(options, host.environment);
  const { timeoutMs } = options;
  return {
    ...host,
    json: options.json === true,
    timeoutMs,
    urls,
    token,
    connect: (tries = { retryMs: 0 }) => {
      const client = createClient({ urls, timeoutMs, token, ...tries });
      clients.push(client);
      return client;
    },
  };
}

function urlsFrom(options: GlobalOptions, environment: NodeJS.ProcessEnv): readonly [URL, ...URL[]] {
  const [first, ...others] = options.url ?? environmentUrls(environment);
  if (!first) throw usageError('there is no URL to ask');
  return [first, ...others];
}

function environmentUrls(environment: NodeJS.ProcessEnv): URL[] {
  const text = environment['RONDO_URL'];
  try {
    return parseUrls(text === undefined || text === '' ? DEFAULT_URL : text);
  } catch {
    throw usageError(`RONDO_URL is not a list of http URLs: ${String(text)}`);
  }
}

function tokenFrom({ tokenFile }: GlobalOptions, environment: NodeJS.ProcessEnv): string | undefined {
  if (tokenFile !== undefined) return heldToken(tokenFile);
  const token = environment['RONDO_TOKEN'] ?? '';
  if (token === '') return undefined;
  if (isToken(token)) return token;
  throw usageError('RONDO_TOKEN is no token', 'It has to be what `rondo token create` printed');
}

function heldToken(path: string): string {
  try {
    return readHeldToken(path);
  } catch (error) {
    throw usageError(`--token-file: ${error instanceof Error ? error.message : String(error)}`);
  }
}
