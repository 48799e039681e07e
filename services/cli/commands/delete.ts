import type { Command } from 'commander';
import { keyBase64Option, keyBytes, minNumWritesOption, quorumOption } from '../arguments.js';
import { EXIT, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import { printable } from '../view/text.js';
import { reportWrite } from './put.js';

interface DeleteOptions {
  readonly keyBase64?: boolean;
  readonly minNumWrites?: number;
  readonly quorum?: string;
}

export function deleteCommand(maker: CommandMaker): Command {
  return newCommand('delete', 'Delete a key: read its version, then delete exactly what was read.')
    .argument('<key>', 'the key, as UTF-8 text')
    .addOption(minNumWritesOption())
    .addOption(quorumOption())
    .addOption(keyBase64Option())
    .action(action(maker, remove));
}

/** A delete is a PUT of the empty value, with a requestId like any other. */
async function remove(context: Context, [key = '']: readonly string[], command: Command): Promise<ExitCode> {
  const options = command.opts<DeleteOptions>();
  const bytes = keyBytes(key, options.keyBase64 === true);
  const client = context.connect();
  const read = await client.get(bytes, { quorum: options.quorum });
  if (read.status === 'missing') return nothingThere(context, key, read.version);
  return reportWrite(context, await client.put(bytes, Buffer.alloc(0), read.version, options), 'deleted');
}

function nothingThere({ json, terminal }: Context, key: string, version: string): ExitCode {
  const error = {
    code: 'not_found',
    message: version === '' ? 'nothing is stored' : 'it is already deleted',
  };
  if (json) terminal.writeOut(`${JSON.stringify({ success: false, error, version })}\n`);
  else terminal.writeErr(`rondo: ${printable(key)}: ${error.message}.\n`);
  return EXIT.negative;
}
