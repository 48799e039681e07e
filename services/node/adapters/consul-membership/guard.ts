import type { EventEmitter } from 'node:events';
import type { ClientRequest, RequestOptions } from 'node:http';
import type Consul from 'consul';
import { AnswerError, faultOf } from './faults.js';

/** What the library reads from the emitter that a request is given: `cancel` aborts it. */
export interface RequestContext extends EventEmitter {
  /** Have the answer's head beside its body. */
  readonly includeResponse: true;
  /** Ours: the largest body that is read. */
  readonly bytesMax: number;
}

interface Transport {
  request(options: RequestOptions): ClientRequest;
}

/** What the library's steps pass on; it leaves it out of its types. */
interface Step {
  transport: Transport;
  err?: Error;
  readonly ctx?: RequestContext;
  readonly res?: { body?: unknown };
}

interface Extensible {
  _ext(at: 'onRequest' | 'onResponse', step: (request: Step, next: () => void) => void): void;
}

/** The library reads bodies of any size, waits for one that was cut short, and takes for granted what is in one. */
export function guardAnswers(api: Consul): void {
  const extensible = api as unknown as Extensible;
  extensible._ext('onRequest', (request, next) => {
    request.transport = bounded(request.transport, request.ctx?.bytesMax ?? 0);
    next();
  });
  extensible._ext('onResponse', (request, next) => {
    if (request.err && !request.res) {
      // What it passes on has lost the code, where the error is not of its own realm.
      const { kind, detail } = faultOf(request.err);
      request.err = new AnswerError(kind, detail);
    }
    if (request.res && !isSound(request.res.body)) {
      request.res.body = undefined;
      request.err ??= new AnswerError('foreign', 'a list of other things than objects');
    }
    next();
  });
}

function bounded(transport: Transport, bytesMax: number): Transport {
  return {
    request: (options) => {
      const request = transport.request(options);
      const giveUp = (error: AnswerError): void => {
        request.emit('error', error);
        request.destroy();
      };
      request.once('response', (response) => {
        let bytes = 0;
        response.on('data', (chunk: Uint8Array) => {
          bytes += chunk.length;
          if (bytes > bytesMax)
            giveUp(new AnswerError('overlong', `an answer of more than ${bytesMax} bytes`));
        });
        response.once('close', () => {
          if (!response.complete) giveUp(new AnswerError('unreachable', 'an answer was cut short'));
        });
      });
      return request;
    },
  };
}

/** It asks each item of a list whether it has a property, by the item's own method. */
function isSound(body: unknown): boolean {
  if (!Array.isArray(body)) return true;
  return body.every(
    (item) => typeof item === 'object' && item !== null && !Object.hasOwn(item as object, 'hasOwnProperty'),
  );
}
