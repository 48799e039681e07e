import type { Cleanup } from '../support/cleanup.js';
import type { PortBlock } from '../support/ports.js';
import { converse, type Conversation } from './http/conversation.js';
import { faultOf } from './http/judge.js';
import { startTarget } from './target.js';

export interface ReplayOptions {
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly nodes: number;
  readonly conversation: Conversation;
  readonly say: (line: string) => void;
}

/** Sends a kept conversation to a fresh cluster and tells what comes back. */
export async function replayHttp(options: ReplayOptions): Promise<void> {
  const { conversation, say } = options;
  const target = await startTarget(options);
  const transcript = await converse(target.httpPorts[0] ?? 0, conversation);
  for (const { status, headers, body } of transcript.replies) {
    say(`${String(status)} ${JSON.stringify([...headers])}\n${body.toString('utf8')}`);
  }
  const fault = faultOf(conversation, transcript);
  const faults = [...(fault ? [`${fault.rule}: ${fault.detail}`] : []), ...target.faults()];
  faults.forEach(say);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
