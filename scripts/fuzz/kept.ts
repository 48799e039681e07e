import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Conversation } from './http/conversation.js';
import { rawConversation } from './http/malformed.js';

/** What a run found is kept in files, from which `--replay` takes it. */

export function keepBytes(bytes: Uint8Array, what: 'http' | 'bus', seed: number): string {
  const file = join(tmpdir(), `rondo-fuzz-${what}-${String(seed)}.bin`);
  writeFileSync(file, bytes);
  return file;
}

/** With its pauses and waits, where bytes alone do not show the same. */
export function keepConversation(conversation: Conversation, seed: number): string {
  const file = join(tmpdir(), `rondo-fuzz-http-${String(seed)}.json`);
  const replacer = (name: string, value: unknown): unknown =>
    name === 'bytes' ? Buffer.from(value as Uint8Array).toString('latin1') : value;
  const steps = conversation.steps.map((step) =>
    step.type === 'send' ? { type: step.type, bytes: Uint8Array.from(step.bytes) } : step,
  );
  writeFileSync(file, JSON.stringify({ ...conversation, steps }, replacer, 1));
  return file;
}

/** A kept conversation, or bytes to be sent as they are. */
export function readConversation(file: string): Conversation {
  const bytes = readFileSync(file);
  if (!file.endsWith('.json')) return rawConversation(bytes);
  const reviver = (name: string, value: unknown): unknown =>
    name === 'bytes' ? Buffer.from(String(value), 'latin1') : value;
  return JSON.parse(bytes.toString('utf8'), reviver) as Conversation;
}
