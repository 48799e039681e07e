export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, an IPv6 address in brackets. Throws where it is neither. */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || !(port >= 1 && port <= 65_535)) throw new Error(`not a bus address (host:port): ${text}`);
  return { host, port };
}
