import type { Cleanup } from '../support/cleanup.js';
import type { PortBlock } from '../support/ports.js';
import type { RequestKind, RequestShape } from './requests.js';

/** A system that is measured. A peer of another kind is one more of these. */
export interface Subject {
  readonly name: string;
  /** What it is, in one line. */
  readonly what: string;
  /** Everything that it is started with beyond its places and ports. */
  readonly flags: readonly string[];
  readonly requests: Readonly<Record<RequestKind, RequestShape>>;
  /** Of a 2xx answer to a GET that found nothing, at most; absent where that is no 2xx. */
  readonly emptyAnswerBytes?: number;
  /** What has to be done first, in one line; absent, or undefined, where it can be started here. */
  missing?(): string | undefined;
  /** Of what is not part of this package. */
  version?(): string;
  /** Resolves when it takes traffic. */
  start(stage: Stage): Promise<RunningSubject>;
}

/** What one measurement has to itself. */
export interface Stage {
  readonly folder: string;
  readonly ports: PortBlock;
  /** Gets whatever is started. */
  readonly cleanup: Cleanup;
  /** Where the processes leave CPU profiles as they end; a subject that cannot be profiled leaves none. */
  readonly profileDir?: string;
}

export interface RunningSubject {
  /** One load process is started for each. */
  readonly urls: readonly string[];
  /** Every process that serves: all of them count in the CPU time of a request. */
  pids(): readonly number[];
  stop(): Promise<void>;
}
