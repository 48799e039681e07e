import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Just enough of Consul's HTTP API to start a server and to look at it; what nodes use is their adapter's. */
export interface ConsulHttp {
  /** Rejects where no answer comes, or one that is not 2xx; gives the body. */
  call(method: 'GET' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<string>;
}

export interface ConsulAccess {
  readonly url: string;
  readonly token?: string;
  /** The text of the authority's certificate, for HTTPS. */
  readonly ca?: string;
}

const TIMEOUT_MS = 5000;

export function consulHttp({ url, token, ca }: ConsulAccess): ConsulHttp {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  const headers = token === undefined ? {} : { 'X-Consul-Token': token };
  return {
    call: (method, path, body) =>
      new Promise((resolve, reject) => {
        const options = { method, headers, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS), ca };
        const sent = request(`${url}${path}`, options, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            const text = Buffer.concat(chunks).toString();
            const status = response.statusCode ?? 0;
            if (status >= 200 && status < 300) resolve(text);
            else reject(new Error(`${method} ${path}: ${String(status)} ${text}`));
          });
        });
        sent.once('error', reject);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
      }),
  };
}
