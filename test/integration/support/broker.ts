import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import {
  type Rabbitmq,
  type RabbitmqPorts,
  rabbitmqPorts,
  startRabbitmq,
} from '../../../scripts/services/rabbitmq.js';
import { type PortBlock, reservePorts } from '../../../scripts/support/ports.js';

export interface SharedBroker {
  readonly broker: Rabbitmq;
  readonly port: number;
  /** With user, password and virtual host; at another port where something stands in between. */
  urlAt(port?: number): string;
  /** After it was killed: the same one again. */
  restart(): Promise<void>;
}

const START_TIMEOUT_MS = 90_000;

/** One broker for all tests of a suite, since starting one takes seconds. */
export function useBroker(): SharedBroker {
  const folder = mkdtempSync(join(tmpdir(), 'rondo-broker-'));
  let block: PortBlock | undefined;
  let ports: RabbitmqPorts | undefined;
  let broker: Rabbitmq | undefined;

  const start = async () => (broker = await startRabbitmq({ folder, ports: ports! }));

  beforeAll(async () => {
    block = await reservePorts();
    ports = rabbitmqPorts(block.first);
    await start();
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await broker?.stop();
    await block?.release();
    rmSync(folder, { recursive: true, force: true });
  }, START_TIMEOUT_MS);

  return {
    get broker() {
      return broker!;
    },
    get port() {
      return ports!.amqp;
    },
    urlAt: (port = ports!.amqp) => broker!.url.replace(`:${ports!.amqp}/`, `:${port}/`),
    restart: async () => {
      await broker!.stop();
      await start();
    },
  };
}
