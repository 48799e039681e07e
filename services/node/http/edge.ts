import type { Log, Metrics } from '../ports/telemetry.js';
import type { NodeService } from '../runtime/service.js';
import type { ClientTokens } from '../tokens/token.js';
import type { Exchanges } from './exchange.js';
import type { HttpLimits } from './limits.js';
import type { Room } from './room.js';

/** What `/metrics` shows. */
interface MetricsPage {
  expose(): Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface HttpTelemetry {
  readonly log: Log;
  readonly metrics: Metrics & MetricsPage;
}

/** What the parts of the HTTP edge share. */
export interface Edge {
  readonly service: NodeService;
  readonly telemetry: HttpTelemetry;
  readonly limits: HttpLimits;
  readonly valueBytesMax: number;
  readonly bodyBytesMax: number;
  readonly room: Room;
  readonly exchanges: Exchanges;
  /** undefined: nobody needs one. */
  readonly tokens: ClientTokens | undefined;
  /** Stopping: nothing new is begun. */
  readonly stopping: () => boolean;
}
