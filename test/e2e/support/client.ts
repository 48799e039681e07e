/** Just enough of an HTTP client to read as the proofs are told. */

export interface Reply {
  readonly status: number;
  readonly body: {
    readonly success?: boolean;
    readonly version?: string | null;
    readonly siblings?: number;
    readonly value?: { readonly version: string; readonly values: readonly string[] };
    readonly error?: { readonly code: string; readonly outcome: string };
  };
}

export interface PutOptions {
  readonly fromVersion?: string;
  readonly minNumWrites?: number;
}

const TIMEOUT_MS = 15_000;

export async function get(url: string, key: string, query = ''): Promise<Reply> {
  return exchange(`${storage(url, key)}${query}`, { method: 'GET' });
}

export async function put(url: string, key: string, text: string, options: PutOptions = {}): Promise<Reply> {
  const body = JSON.stringify({ value: Buffer.from(text).toString('base64'), ...options });
  return exchange(storage(url, key), { method: 'PUT', body });
}

export async function remove(url: string, key: string, fromVersion: string): Promise<Reply> {
  return exchange(`${storage(url, key)}?fromVersion=${encodeURIComponent(fromVersion)}`, {
    method: 'DELETE',
  });
}

/** The values of a GET as text, sorted. Throws where it failed: an error is not "no values". */
export function texts({ status, body }: Reply): string[] {
  if (!body.value) throw new Error(`the read failed: ${String(status)} ${JSON.stringify(body)}`);
  return body.value.values.map((value) => Buffer.from(value, 'base64').toString()).sort();
}

function storage(url: string, key: string): string {
  return `${url}/storage/${Buffer.from(key).toString('base64url')}`;
}

async function exchange(url: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return { status: response.status, body: (await response.json()) as Reply['body'] };
}
