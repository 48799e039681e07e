/** A broker as its URL says it. */
export interface BrokerUrl {
  readonly protocol: 'amqp' | 'amqps';
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  /** Without the password, for logs. */
  readonly shown: string;
}

const PORTS = { amqp: 5672, amqps: 5671 };

/**
 * Reads `amqp://user:password@host:port/vhost` or `amqps://…`, percent-encoded where needed. No user: guest, no vhost: `/`.
 * Throws where it is neither, without repeating what may hold a password.
 */
export function parseBrokerUrl(text: string): BrokerUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const protocol = url?.protocol === 'amqp:' ? 'amqp' : url?.protocol === 'amqps:' ? 'amqps' : undefined;
  const hostname = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  if (!url || !protocol || hostname === '') throw new Error('not the URL of a broker (amqp://host:port)');
  const port = url.port === '' ? PORTS[protocol] : Number(url.port);
  const [username, password] = url.username === '' ? ['guest', 'guest'] : credentialsOf(url);
  const vhost = url.pathname.length > 1 ? decodeURIComponent(url.pathname.slice(1)) : '/';
  const shown = `${protocol}://${url.hostname}:${String(port)}${url.pathname}`;
  return { protocol, hostname, port, username, password, vhost, shown };
}

function credentialsOf({ username, password }: URL): [username: string, password: string] {
  return [decodeURIComponent(username), decodeURIComponent(password)];
}
