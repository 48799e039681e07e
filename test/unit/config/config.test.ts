import { describe, expect, it } from '@jest/globals';
import {
  describeNodeOptions,
  describeStartOptions,
  handedOn,
  faultLines,
  readNodeConfig,
  readStartConfig,
} from '../../../services/node/config.js';

describe('the configuration of a node', () => {
  it('has a value for everything without being told any', () => {
    const result = readNodeConfig({}, {});
    expect(result).toMatchObject({
      ok: true,
      config: {
        dataDir: './data',
        httpHost: '127.0.0.1',
        httpPort: 8081,
        requestTimeoutMs: 3000,
        valueBytesMax: 16 * 1024 * 1024,
        logLevel: 'info',
        expectNodes: 0,
      },
    });
  });

  it('takes the environment, and a flag before that', () => {
    const env = { RONDO_HTTP_PORT: '9001', RONDO_DATA_DIR: '/env', RONDO_VALUE_BYTES_MAX: '5' };
    const result = readNodeConfig({ dataDir: '/flag', httpPort: undefined }, env);
    expect(result).toMatchObject({ config: { httpPort: 9001, dataDir: '/flag', valueBytesMax: 5 } });
  });

  it('does not look at a variable that a flag overrides, sound or not', () => {
    expect(readNodeConfig({ httpPort: '1' }, { RONDO_HTTP_PORT: 'nonsense' })).toMatchObject({
      ok: true,
      config: { httpPort: 1 },
    });
  });

  it('ignores what is not its own', () => {
    const result = readNodeConfig({}, { HTTP_PORT: '1', RONDO_PORT: 'x', PATH: '/bin' });
    expect(result).toMatchObject({ ok: true, config: { httpPort: 8081 } });
  });

  it('lists all faults at once, each with where it came from and what is wanted', () => {
    const result = readNodeConfig(
      { httpPort: '70000' },
      { RONDO_REQUEST_TIMEOUT_MS: '3s', RONDO_LOG_LEVEL: 'loud', RONDO_DATA_DIR: '' },
    );
    expect(result.ok ? [] : [...result.faults].sort()).toEqual([
      '--http-port: a whole number from 0 to 65535 is wanted, not "70000"',
      'RONDO_DATA_DIR: something is wanted, not ""',
      'RONDO_LOG_LEVEL: one of debug, info, warn, error is wanted, not "loud"',
      'RONDO_REQUEST_TIMEOUT_MS: a whole number from 50 to 600000 is wanted, not "3s"',
    ]);
  });

  it.each(['', ' 1', '-1', '1.5', '1e3', '0x10', 'NaN', '9'.repeat(400)])(
    'takes no %j for a whole number',
    (text) => {
      expect(readNodeConfig({ httpPort: text }, {})).toMatchObject({ ok: false });
    },
  );

  it('takes seeds: ids and addresses, itself among them or not, and none where none are given', () => {
    const seeds = (text: string) => {
      const result = readNodeConfig({ seeds: text }, {});
      return result.ok ? [...result.config.seeds] : result.faults;
    };
    expect(seeds('node1@127.0.0.1:8181, node-2.b@[::1]:1,n_3@host.example:65535,')).toEqual([
      ['node1', '127.0.0.1:8181'],
      ['node-2.b', '[::1]:1'],
      ['n_3', 'host.example:65535'],
    ]);
    expect(seeds('')).toEqual([]);
    expect(readNodeConfig({}, { RONDO_SEEDS: 'a@b:1' })).toMatchObject({ ok: true });
    expect(seeds('a@b:1,a@b:2')).toEqual(['--seeds: one address for a is wanted, not "a@b:1,a@b:2"']);
  });

  it.each(['a', 'a@', '@b:1', 'a@b', 'a@b:0', 'a@b:65536', 'a@b:x', 'a b@c:1', 'a@::1:5', 'a@b:1;c@d:2'])(
    'takes no %j for seeds, and says which option',
    (text) => {
      const result = readNodeConfig({ seeds: text }, {});
      expect(result.ok ? [] : result.faults).toEqual([
        expect.stringMatching(/^--seeds: id@host:port, separated by commas, is wanted/),
      ]);
    },
  );

  it.each([
    { nodeId: 'a,b' },
    { nodeId: 'a@b' },
    { nodeId: '-a' },
    { nodeId: 'n'.repeat(64) },
    { busAdvertise: 'host' },
    { httpAdvertise: 'http://host:1' },
    { zone: 'z'.repeat(101) },
    { weight: '0' },
    { partitions: '100' },
    { replicas: '0' },
  ])('refuses %j, and names the option', (flags) => {
    const flag = Object.keys(flags)[0]!.replace(/[A-Z]/g, '-$&').toLowerCase();
    const result = readNodeConfig(flags, {});
    expect(result.ok ? [] : result.faults).toEqual([expect.stringContaining(`--${flag}: `)]);
  });

  it('wants to know where others find a node that listens on all addresses', () => {
    const result = readNodeConfig({ busHost: '0.0.0.0', httpHost: '::', apiTokenFile: 'tokens.json' }, {});
    expect(result.ok ? [] : result.faults.map((fault) => fault.split(':')[0])).toEqual([
      '--http-advertise',
      '--bus-advertise',
    ]);
    const told = {
      ...{ busAdvertise: '10.0.0.1:8181', httpAdvertise: '10.0.0.1:8081' },
      apiTokenFile: 'tokens.json',
    };
    expect(readNodeConfig({ busHost: '0.0.0.0', httpHost: '0.0.0.0', ...told }, {})).toMatchObject({
      ok: true,
    });
  });

  it.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]', '::ffff:127.0.0.1'])(
    'listens on %s without tokens',
    (httpHost) => {
      expect(readNodeConfig({ httpHost }, {})).toMatchObject({ ok: true });
      expect(readStartConfig({ httpHost }, {})).toMatchObject({ ok: true });
    },
  );

  it.each([
    '10.0.0.1',
    '192.168.1.7',
    'localhost.example',
    '127.0.0.1.example',
    '::ffff:10.0.0.1',
    'fe80::1',
  ])('listens on %s only with tokens, and says how to make some', (httpHost) => {
    for (const read of [readNodeConfig, readStartConfig]) {
      const refused = read({}, { RONDO_HTTP_HOST: httpHost });
      expect(refused.ok ? [] : refused.faults).toEqual([
        expect.stringMatching(/^--http-host: .*`rondo token create`.*--api-token-file$/),
      ]);
      const env = { RONDO_HTTP_HOST: httpHost, RONDO_API_TOKEN_FILE: 'tokens.json' };
      expect(read({}, env)).toMatchObject({ ok: true, config: { apiTokenFile: 'tokens.json' } });
    }
  });

  it('listens on all addresses of the machine only with tokens', () => {
    const everywhere = { httpHost: '0.0.0.0', httpAdvertise: '10.0.0.1:8081' };
    expect(readNodeConfig(everywhere, {})).toMatchObject({
      ok: false,
      faults: [expect.stringContaining('--api-token-file')],
    });
  });

  it('cannot be changed', () => {
    const result = readNodeConfig({}, {});
    expect(result.ok && Object.isFrozen(result.config)).toBe(true);
  });
});

describe('the configuration of `rondo start`', () => {
  it.each(['8', '64', '4096'])('takes %s partitions', (partitions) => {
    expect(readStartConfig({ partitions }, {})).toMatchObject({ config: { partitions: Number(partitions) } });
  });

  it.each(['0', '4', '100', '8192', '256.0', '0x100', ' 256', '2e8', ''])(
    'refuses %j partitions',
    (partitions) => {
      expect(readStartConfig({ partitions }, {})).toMatchObject({ ok: false });
    },
  );

  it.each([{ nodes: '0' }, { nodes: '65' }, { port: '0' }, { replicas: '17' }, { nodes: true }])(
    'refuses %j',
    (flags) => {
      expect(readStartConfig(flags, {})).toMatchObject({ ok: false });
    },
  );

  it('hands on to a node what both know, so that the node reads the same', () => {
    const flags = {
      requestTimeoutMs: '1234',
      logLevel: 'warn',
      httpHost: '::1',
      clusterSecretFile: '/a b=c',
      apiTokenFile: '/tokens',
    };
    const start = readStartConfig(flags, {});
    const handed = start.ok ? handedOn(start.config).args : [];
    expect(handed).toContain('--request-timeout-ms=1234');

    const named = new Map(describeNodeOptions().map(({ flag, name }) => [flag, name]));
    const given = handed.map((argument) => {
      const at = argument.indexOf('=');
      return [named.get(argument.slice(0, at)), argument.slice(at + 1)];
    });
    const node = readNodeConfig(Object.fromEntries(given) as Record<string, string>, {
      RONDO_LOG_LEVEL: 'debug',
    });
    expect(node).toMatchObject({
      config: {
        requestTimeoutMs: 1234,
        logLevel: 'warn',
        httpHost: '::1',
        clusterSecretFile: '/a b=c',
        apiTokenFile: '/tokens',
      },
    });
  });

  it('hands on the URLs of brokers by the environment: they may hold passwords', () => {
    const start = readStartConfig({ bus: 'amqp', brokerUrls: 'amqp://u:secret@h, amqps://h:1/v' }, {});
    const { args, env } = start.ok ? handedOn(start.config) : { args: [], env: {} };
    expect(args).toContain('--bus=amqp');
    expect(args.join()).not.toContain('secret');
    expect(env['RONDO_BROKER_URLS']).toBe('amqp://u:secret@h,amqps://h:1/v');
    const node = readNodeConfig({ bus: 'amqp' }, env);
    expect(node).toMatchObject({ config: { brokerUrls: ['amqp://u:secret@h', 'amqps://h:1/v'] } });
  });

  it('hands on nothing that is empty', () => {
    const start = readStartConfig({}, {});
    const handed = start.ok ? handedOn(start.config).args : [];
    expect(handed.filter((argument) => argument.endsWith('='))).toEqual([]);
    expect(handed.some((argument) => argument.startsWith('--cluster-secret-file'))).toBe(false);
  });
});

describe('the bus', () => {
  const faultsOf = (flags: Parameters<typeof readNodeConfig>[0]) => {
    const result = readNodeConfig(flags, {});
    return result.ok ? [] : result.faults;
  };

  it('over a broker wants the URL of one; the other way round too', () => {
    expect(faultsOf({ bus: 'amqp' })).toEqual([
      '--broker-urls: the URL of a broker is wanted with --bus amqp',
    ]);
    expect(faultsOf({ brokerUrls: 'amqp://h' })).toEqual(['--broker-urls: --bus amqp is wanted with it']);
    expect(faultsOf({ bus: 'amqp', brokerUrls: 'amqp://h', brokerCaFile: 'ca.pem' })).toEqual([
      '--broker-ca-file: an amqps:// URL is wanted with it in --broker-urls',
    ]);
    expect(faultsOf({ bus: 'carrier pigeon' })).toHaveLength(1);
  });

  it.each([
    'http://u:secret@h',
    'amqp://u:secret@',
    'amqp://u:secret@h/a/b',
    'amqp://u:secret%zz@h',
    'amqp://u:secret@h?heartbeat=0',
    'amqp://h,u:secret',
  ])('takes no %j for the URL of a broker, and does not repeat it', (text) => {
    const faults = faultsOf({ bus: 'amqp', brokerUrls: text });
    expect(faults).toEqual([expect.stringMatching(/^--broker-urls: amqp:.* is wanted$/)]);
    expect(faults.join()).not.toContain('secret');
  });

  it('over a broker needs no addresses: names are enough for seeds, and any host may be listened on', () => {
    const flags = { bus: 'amqp', brokerUrls: 'amqp://h', seeds: 'a,b@h:1', busHost: '0.0.0.0' };
    const result = readNodeConfig(flags, {});
    expect(result.ok && [...result.config.seeds]).toEqual([
      ['a', ''],
      ['b', 'h:1'],
    ]);
    expect(faultsOf({ seeds: 'a,b@h:1' })).toEqual([
      '--seeds: id@host:port, separated by commas, is wanted with --bus tcp, not a alone',
    ]);
  });
});

describe('the description of the options', () => {
  it.each([
    ['a node', describeNodeOptions(), 'requestTimeoutMs'],
    ['rondo start', describeStartOptions(), 'requestTimeoutMs'],
  ])('names flag, variable and default for %s', (_, options, name) => {
    expect(options.find((option) => option.name === name)).toEqual({
      name,
      flag: '--request-timeout-ms',
      env: 'RONDO_REQUEST_TIMEOUT_MS',
      value: 'number',
      help: 'deadline of a request (default 3000); RONDO_REQUEST_TIMEOUT_MS',
    });
    expect(new Set(options.map(({ flag }) => flag)).size).toBe(options.length);
  });

  it('prints a line a fault', () => {
    expect(faultLines(['one', 'two'])).toBe('error: one\nerror: two\n');
  });
});

describe('the configuration of Consul', () => {
  it('is gossip where nothing is said, with an agent on this machine where it is consul', () => {
    expect(readNodeConfig({}, {})).toMatchObject({ config: { membership: 'gossip', consulName: 'rondo' } });
    expect(readNodeConfig({}, { RONDO_MEMBERSHIP: 'consul' })).toMatchObject({
      config: {
        membership: 'consul',
        consulUrl: 'http://127.0.0.1:8500',
        consulTokenFile: '',
        consulCaFile: '',
      },
    });
  });

  it.each([
    ['http://consul:8500', 'http://consul:8500'],
    ['https://consul.example/', 'https://consul.example'],
    ['http://[::1]:8500', 'http://[::1]:8500'],
  ])('takes %s for the agent', (given, consulUrl) => {
    expect(readNodeConfig({ consulUrl: given }, {})).toMatchObject({ config: { consulUrl } });
  });

  it.each([
    '',
    'consul:8500',
    '127.0.0.1:8500',
    'ftp://consul',
    'http://',
    'http://user:secret@consul',
    'http://consul/v1',
  ])('does not take %j for the agent', (given) => {
    expect(readNodeConfig({}, { RONDO_CONSUL_URL: given })).toEqual({
      ok: false,
      faults: [
        `RONDO_CONSUL_URL: http://host:port or https://host:port is wanted, not ${JSON.stringify(given)}`,
      ],
    });
  });

  it('wants a name that can stand in DNS, and an authority only beside https', () => {
    expect(readNodeConfig({ consulName: 'My cluster', membership: 'zookeeper' }, {})).toEqual({
      ok: false,
      faults: [
        '--membership: one of gossip, consul is wanted, not "zookeeper"',
        '--consul-name: up to 63 small letters, digits and dashes inside are wanted, not "My cluster"',
      ],
    });
    expect(readNodeConfig({ consulCaFile: 'ca.pem' }, {})).toEqual({
      ok: false,
      faults: ['--consul-ca-file: wanted only where --consul-url is https://host:port'],
    });
  });

  it('is handed on by rondo start', () => {
    const result = readStartConfig({ membership: 'consul', consulTokenFile: 'token' }, {});
    expect(result.ok && handedOn(result.config).args).toEqual(
      expect.arrayContaining(['--membership=consul', '--consul-token-file=token']),
    );
  });
});
