import { get } from 'node:http';

export interface Page {
  readonly status: number;
  readonly text: string;
}

/**
 * What is at `url`; rejects where no whole answer comes within `timeoutMs` of silence. On a connection of its own: one
 * that is kept alive would count among the node's sockets, and outlive the node.
 */
export function pageAt(url: string, timeoutMs: number): Promise<Page> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
  });
}
