import type { Cleanup } from '../support/cleanup.js';
import type { PortBlock } from '../support/ports.js';
import { createHttpCampaign, type HttpCounts, type HttpFinding } from './http/campaign.js';
import { converse } from './http/conversation.js';
import { faultOf } from './http/judge.js';
import { bytesOf, rawConversation } from './http/malformed.js';
import { compareMeasures } from './leaks.js';
import { shrinkBytes } from './shrink.js';
import { startTarget, type Target } from './target.js';

export interface HttpRunOptions {
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly seed: number;
  readonly requests: number;
  readonly nodes: number;
  readonly say: (line: string) => void;
  readonly onProgress: (counts: HttpCounts) => void;
}

export interface HttpResult {
  readonly counts: HttpCounts;
  /** Node by node, what was held when warm and afterwards. */
  readonly resources: readonly string[];
  /** What is wrong; empty where nothing is. */
  readonly faults: readonly string[];
  readonly finding: HttpFinding | undefined;
  /** The finding's bytes, made as short as they can be where it happens again. */
  readonly shrunk: Uint8Array | undefined;
}

/** So much of the run makes the nodes warm. */
const WARM_SHARE = 0.2;
const SHRINK_TRIES = 400;

/** A cluster of its own, fuzzed, looked after, and compared with what it was when warm. */
export async function runHttpFuzz(options: HttpRunOptions): Promise<HttpResult> {
  const { seed, requests, say } = options;
  const target = await startTarget(options);
  const campaign = createHttpCampaign({
    seed,
    ports: target.httpPorts,
    health: () => target.faults(),
    onProgress: options.onProgress,
  });
  await campaign.run(Math.ceil(requests * WARM_SHARE));
  say('warm; measuring');
  const warm = campaign.finding() ? new Map<never, never>() : await target.measure();
  if (!campaign.finding()) await campaign.run(requests);
  if (!campaign.finding()) await campaign.verify();
  const finding = campaign.finding();
  const faults = target.faults();
  if (finding || faults.length > 0) {
    const shrunk = finding && faults.length === 0 ? await shrink(finding, target, say) : undefined;
    return {
      counts: campaign.counts,
      resources: [],
      faults: [...described(finding), ...faults],
      finding,
      shrunk,
    };
  }
  say('measuring what is left behind');
  const { lines, leaks } = compareMeasures(warm, await target.measure());
  const unmet = campaign.counts.model.verified === 0 ? ['no value was read back'] : [];
  return {
    counts: campaign.counts,
    resources: lines,
    faults: [...leaks, ...unmet, ...target.faults()],
    finding,
    shrunk: undefined,
  };
}

function described(finding: HttpFinding | undefined): string[] {
  return finding ? [`${finding.rule} (${finding.conversation.kind}): ${finding.detail}`] : [];
}

/** The same bytes in one piece, for as long as the same rule is broken by ever fewer of them. */
async function shrink(
  finding: HttpFinding,
  target: Target,
  say: (line: string) => void,
): Promise<Uint8Array | undefined> {
  const [port] = target.httpPorts;
  const breaks = async (bytes: Uint8Array): Promise<boolean> => {
    const conversation = rawConversation(bytes);
    const transcript = await converse(port ?? 0, conversation);
    return faultOf(conversation, transcript)?.rule === finding.rule;
  };
  const bytes = bytesOf(finding.conversation.steps);
  if (!(await breaks(bytes))) return undefined;
  say('it happens again; shrinking');
  return shrinkBytes(bytes, breaks, SHRINK_TRIES);
}
