import { setTimeout as sleep } from 'node:timers/promises';
import { openLog, type LogWriter } from './log.js';
import { openStorageApi, type Answer, type StorageApi } from './storageApi.js';

export interface FinalReadOptions {
  readonly urls: readonly string[];
  readonly keys: readonly string[];
  readonly token?: string | undefined;
  readonly logFile: string;
  /** Defaults to the cluster's own: the majority. */
  readonly minNumReads?: number | undefined;
  readonly quorum?: 'strict' | 'sloppy';
  /** For all reads together; a key that fails until then is noted as unreadable. */
  readonly timeoutMs: number;
}

const PARALLEL = 32;
const PAUSE_MS = 100;

/** Reads every key through every node and adds what they show to the log, in place of earlier final reads. */
export async function readFinals(options: FinalReadOptions): Promise<void> {
  const log = openLog(options.logFile);
  const api = openStorageApi(5000, options.token);
  const deadline = Date.now() + options.timeoutMs;
  const reads = options.urls.flatMap((url) => options.keys.map((key) => ({ url, key })));
  const next = reads.values();
  const worker = async (): Promise<void> => {
    for (const { url, key } of next) await readOne({ api, log, options, deadline, url, key });
  };
  try {
    log.append({ t: 'finals' });
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  } finally {
    api.close();
    log.close();
  }
}

interface OneRead {
  readonly api: StorageApi;
  readonly log: LogWriter;
  readonly options: FinalReadOptions;
  readonly deadline: number;
  readonly url: string;
  readonly key: string;
}

async function readOne(read: OneRead): Promise<void> {
  const { api, log, options, deadline, url, key } = read;
  const { minNumReads, quorum = 'strict' } = options;
  for (;;) {
    const answer: Answer = await api.get(url, key, { minNumReads, quorum });
    if (answer.outcome === 'ok') {
      log.append({ t: 'final', url, key, version: answer.version ?? '', values: answer.values ?? [] });
      return;
    }
    if (Date.now() > deadline) {
      log.append({ t: 'unreadable', url, key, code: answer.code });
      return;
    }
    await sleep(PAUSE_MS);
  }
}
