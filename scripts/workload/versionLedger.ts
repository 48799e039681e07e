import type { ValueId } from './log.js';
import type { Finding } from './causality.js';

/** Remembers which values each version string was given with: always the same ones, for a version names a state (I3). */
export interface VersionLedger {
  note(key: string, version: string, values: readonly ValueId[]): void;
  ambiguous(): readonly Finding[];
}

export function versionLedger(): VersionLedger {
  const valuesOf = new Map<string, string>();
  const findings: Finding[] = [];
  return {
    note: (key, version, values) => {
      const shown = [...new Set(values)].sort().join(' ');
      const name = `${key} ${version}`;
      const before = valuesOf.get(name) ?? shown;
      if (before !== shown) {
        findings.push({ key, value: shown, detail: `version ${version} also came with [${before}]` });
      }
      valuesOf.set(name, before);
    },
    ambiguous: () => findings,
  };
}
