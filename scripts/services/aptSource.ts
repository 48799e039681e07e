import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where this machine gets its packages from, as its own apt is told. */
export interface AptSource {
  readonly uri: string;
  /** The file of keys that its signature is checked with. */
  readonly signedBy: string;
}

const DEBIAN_KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The first source of the distribution itself, not of its security updates; undefined where there is none. */
export function aptSourceOf(texts: readonly string[]): AptSource | undefined {
  return texts
    .flatMap((text) => [...stanzas(text), ...lines(text)])
    .find(({ uri }) => !uri.includes('security'));
}

/** As `aptSourceOf` finds it in the settings of this machine. */
export function machineAptSource(folder = '/etc/apt'): AptSource | undefined {
  const parts = join(folder, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const files = [...names.map((name) => join(parts, name)), join(folder, 'sources.list')];
  const isSource = (file: string): boolean => /[.](sources|list)$/.test(file) && existsSync(file);
  return aptSourceOf(files.filter(isSource).map((file) => readFileSync(file, 'utf8')));
}

/** The newer form: paragraphs of `Name: value`. */
function stanzas(text: string): AptSource[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(\\S+)`, 'im').exec(stanza)?.[1];
    const uri = field('URIs');
    const isOff = field('Enabled')?.toLowerCase() === 'no';
    const signedBy = field('Signed-By') ?? DEBIAN_KEYS;
    return uri === undefined || isOff
      ? []
      : [{ uri, signedBy: signedBy.startsWith('/') ? signedBy : DEBIAN_KEYS }];
  });
}

/** The older form: `deb [options] uri suite component…`. */
function lines(text: string): AptSource[] {
  return [...text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s/gm)].map(([, options = '', uri = '']) => {
    return { uri, signedBy: /signed-by=(\S+)/.exec(options)?.[1] ?? DEBIAN_KEYS };
  });
}
