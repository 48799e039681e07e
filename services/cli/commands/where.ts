import type { Command } from 'commander';
import { keyBase64Option, keyBytes } from '../arguments.js';
import { EXIT, type ExitCode } from '../failure.js';
import { action, newCommand, type CommandMaker, type Context } from '../host.js';
import type { Holder, WhereView } from '../view/steering.js';
import { byteCount, clip, printable, table, type Align } from '../view/text.js';

const HELP = `
"primary": the replica set in its order; "fallback": who stands in for them. "missing": nothing is stored there;
"incomplete": the node lost its data and tells nothing until it is rebuilt; "damaged": the record there cannot be read
and is fetched from the others; "refused": the node does not answer for the key, or its disk refuses; "silent": no
answer. "size" is that of the record, its
clock included. The same record shows the same letters under "record".
Exits with 1 where no node that answered holds the key.

Examples:
  rondo where greeting
  rondo where --key-base64 AAECAw== --json`;

export function whereCommand(maker: CommandMaker): Command {
  return newCommand('where', 'Show where a key lies, and what each node holds of it.')
    .argument('<key>', 'the key, as UTF-8 text')
    .addOption(keyBase64Option())
    .addHelpText('after', HELP)
    .action(action(maker, where));
}

async function where(context: Context, [key = '']: readonly string[], command: Command): Promise<ExitCode> {
  const bytes = keyBytes(key, command.opts<{ keyBase64?: boolean }>().keyBase64 === true);
  const { parseWhere } = await import('../view/steering.js');
  const view = parseWhere(await context.connect().where(bytes));
  const lines = context.json ? [JSON.stringify(view)] : whereLines(key, view);
  context.terminal.writeOut(`${lines.join('\n')}\n`);
  const isFound = [...view.primaries, ...view.fallbacks].some(({ status }) => status === 'found');
  return isFound ? EXIT.ok : EXIT.negative;
}

const HEADINGS = ['role', 'node', 'holds', 'values', 'size', 'record', 'version'];
const ALIGN: readonly Align[] = ['left', 'left', 'left', 'right', 'right', 'left', 'left'];

function whereLines(key: string, view: WhereView): string[] {
  const { position, partition, epoch, primaries, fallbacks } = view;
  const rows = [
    ...primaries.map((holder) => row('primary', holder)),
    ...fallbacks.map((holder) => row('fallback', holder)),
  ];
  return [
    clip(`${printable(key)}: position ${position}, partition ${partition}, epoch ${epoch}`, 120),
    '',
    ...table(HEADINGS, ALIGN, rows),
    '',
    verdict(view),
  ];
}

function row(role: string, { node, status, values = 0, tombstone, bytes, hash, version }: Holder): string[] {
  const start = [role, clip(printable(node), 20), printable(status)];
  if (status !== 'found') return [...start, '-', '-', '-', '-'];
  return [
    ...start,
    tombstone === true ? 'deleted' : String(values),
    byteCount(bytes ?? 0),
    (hash ?? '').slice(-8),
    clip(printable(version ?? ''), 16),
  ];
}

/** What it comes to, and what can be done. */
function verdict({ primaries, partition }: WhereView): string {
  const states = new Set(primaries.map(({ status, hash }) => (status === 'found' ? hash : status)));
  if (states.size === 1 && primaries[0]?.status === 'found') return 'Every primary holds the same record.';
  if (states.size === 1 && primaries[0]?.status === 'missing') return 'No primary holds it.';
  const isKnown = primaries.every(({ status }) => status === 'found' || status === 'missing');
  return isKnown
    ? `The primaries differ. A read mends those it asks; \`rondo repair --partition ${partition} --wait\` mends all.`
    : 'Not every primary can tell; `rondo nodes` says which are away or being rebuilt.';
}
