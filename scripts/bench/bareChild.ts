import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { VALUE_BYTES } from './requests.js';

/**
 * The ceiling: `node:http` and nothing else. It reads and parses what Rondo reads, answers with as much, and stores
 * nothing.
 */
const VERSION = Buffer.alloc(39, 'v').toString('base64url');
const VALUE = Buffer.alloc(VALUE_BYTES, 'x').toString('base64');

createServer((request, response) => {
  if (request.method === 'PUT') acceptPut(request, response);
  else {
    const key = request.url?.slice('/storage/'.length) ?? '';
    reply(response, { key, value: { version: VERSION, values: [VALUE] } });
  }
}).listen(Number(process.argv[2]), '127.0.0.1');

function acceptPut(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { value } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly value: string };
    reply(response, { success: value !== '', version: VERSION });
  });
}

function reply(response: ServerResponse, answer: unknown): void {
  const body = JSON.stringify(answer);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
