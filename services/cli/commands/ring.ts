import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import { drawRing, ringOf } from '../view/ring.js';

export function ringCommand(maker: CommandMaker): Command {
  return newCommand('ring', 'Show who holds what, how balanced it is, and the ring drawn as letters.').action(
    action(maker, ring),
  );
}

async function ring(context: Context): Promise<ExitCode> {
  const { terminal, environment, json } = context;
  const { parseCluster } = await import('../view/cluster.js');
  const view = ringOf(parseCluster(await context.connect().cluster()).document);
  // https://no-color.org: any value but the empty one.
  const colour = terminal.outIsTty && (environment['NO_COLOR'] ?? '') === '';
  terminal.writeOut(json ? `${JSON.stringify(view)}\n` : `${drawRing(view, colour).join('\n')}\n`);
  return EXIT.ok;
}
