/**
 * Who may import whom (docs/ARCHITECTURE.md). Every part of services/ has a list of what it may import, type imports
 * included, and nothing else is allowed; a file that belongs to no part may import nothing.
 */

const NODE = '^services/node';
const CORE = `${NODE}/core`;

const VOCABULARY = [
  `${CORE}/(types|errors|assert|churningMap)[.]ts$`,
  `${CORE}/protocol/(bytes|latin1)[.]ts$`,
];
const ALGEBRA = [`${CORE}/(ring|versioning)/`];
// What clients must show, and the file that nodes know it by.
const TOKENS = `${NODE}/tokens/`;
const PROTOCOL = `${CORE}/protocol/`;
const RECORD_CODEC = `${CORE}/versioning/recordCodec[.]ts$`;
const HTTP_CONTRACT = `${NODE}/http/contract`;
const CONFIG = `${NODE}/config([.]ts$|/)`;
const DURABLE_FILE = `${NODE}/durableFile[.]ts$`;
// How the process of a node keeps its memory.
const HEAP = `${NODE}/heap[.]ts$`;
// Which nodes run on this machine, and the process that keeps them running.
const SUPERVISOR = `${NODE}/(supervisor|localCluster)([.]ts$|/)`;

// Moves a data directory whose node does not run into another cluster.
const RECOVERY = `${NODE}/recovery[.]ts$`;

const npm = (...names) => `(^|/)node_modules/(@types/)?(${names.join('|')})/`;

/** The one part that may use a package, for the packages that stand for a database, a broker or a discovery service. */
const PACKAGE_OWNERS = {
  'classic-level': `${NODE}/adapters/level`,
  winston: `${NODE}/adapters/winston`,
  'prom-client': `${NODE}/adapters/prom`,
  amqplib: `${NODE}/adapters/amqp`,
  consul: `${NODE}/adapters/consul`,
};

const CORE_PARTS = [
  {
    name: 'core-vocabulary',
    from: `${CORE}/(?:(?:types|errors|assert|churningMap)[.]ts$|protocol/(?:bytes|latin1)[.]ts$)`,
    may: VOCABULARY,
  },
  { name: 'core-ring', from: `${CORE}/ring/`, may: [...VOCABULARY, `${CORE}/ring/`] },
  { name: 'core-versioning', from: `${CORE}/versioning/`, may: [...VOCABULARY, `${CORE}/versioning/`] },
  {
    name: 'core-protocol',
    from: `${CORE}/protocol/(?!(?:bytes|latin1)[.]ts$)`,
    may: [...VOCABULARY, PROTOCOL, RECORD_CODEC],
  },
  {
    // They meet as messages in core/node.ts, so that the simulator can reorder what passes between them.
    name: 'core-machines-never-each-other',
    from: `${CORE}/(coordinator|replica|repair|membership)/`,
    may: [...VOCABULARY, ...ALGEBRA, PROTOCOL, `${CORE}/nodeOptions[.]ts$`, `${CORE}/$1/`],
  },
  { name: 'core-node', from: `${CORE}/node(Options)?([.]ts$|/)`, may: [`${CORE}/`] },
];

const NODE_PARTS = [
  {
    name: 'ports',
    from: `${NODE}/ports/`,
    may: [...VOCABULARY, PROTOCOL, `${NODE}/ports/`],
  },
  { name: 'runtime', from: `${NODE}/runtime/`, may: [`${CORE}/`, `${NODE}/(ports|runtime)/`] },
  {
    // An adapter is what begins with the same word: level-storage.ts, level-storage/frames.ts, levelStorageLog.ts.
    name: 'adapters-never-each-other',
    from: `${NODE}/adapters/(?!cluster-|tcp-bus|amqp-bus)([a-z]+)`,
    may: [
      ...VOCABULARY,
      PROTOCOL,
      RECORD_CODEC,
      `${NODE}/ports/`,
      `${NODE}/adapters/$1([^a-z]|$)`,
      npm('classic-level', 'abstract-level', 'winston', 'prom-client', 'consul'),
    ],
    core: true,
  },
  {
    // What the buses share lies in adapters/bus/, which nobody else needs.
    name: 'buses',
    from: `${NODE}/adapters/(tcp|amqp)-bus`,
    may: [
      ...VOCABULARY,
      PROTOCOL,
      `${NODE}/ports/`,
      `${NODE}/adapters/bus/`,
      `${NODE}/adapters/$1-bus`,
      npm('amqplib'),
    ],
    core: true,
  },
  {
    // Carries what the core says of the cluster to files, and so has to know what a sound document and vote are.
    name: 'cluster-files',
    from: `${NODE}/adapters/cluster-`,
    may: [
      ...VOCABULARY,
      PROTOCOL,
      `${CORE}/ring/document[.]ts$`,
      `${CORE}/membership/vote[.]ts$`,
      `${NODE}/ports/`,
      DURABLE_FILE,
      `${NODE}/adapters/cluster-`,
    ],
    core: true,
  },
  {
    name: 'http',
    from: `${NODE}/http/`,
    may: [
      ...VOCABULARY,
      `${CORE}/protocol/messages[.]ts$`,
      `${NODE}/ports/telemetry[.]ts$`,
      `${TOKENS}token[.]ts$`,
      `${NODE}/(runtime|http)/`,
      npm('express', 'express-serve-static-core', 'zod'),
    ],
    core: true,
  },
  { name: 'config', from: CONFIG, may: [...VOCABULARY, CONFIG], core: true },
  {
    name: 'supervisor',
    from: SUPERVISOR,
    may: [...VOCABULARY, CONFIG, DURABLE_FILE, HEAP, SUPERVISOR, HTTP_CONTRACT],
    core: true,
  },
  {
    name: 'client-tokens',
    from: TOKENS,
    may: [...VOCABULARY, `${NODE}/ports/telemetry[.]ts$`, DURABLE_FILE, TOKENS, npm('zod')],
    core: true,
  },
  { name: 'durable-file', from: DURABLE_FILE, may: VOCABULARY, core: true },
  { name: 'heap', from: HEAP, may: [], core: true },
  {
    // Chooses adapters like main, but for files that no node has open.
    name: 'recovery',
    from: RECOVERY,
    may: [
      ...VOCABULARY,
      PROTOCOL,
      `${CORE}/membership/recovery[.]ts$`,
      `${NODE}/adapters/(cluster-files|level-storage)/`,
      `${NODE}/main/nodeName[.]ts$`,
    ],
    core: true,
  },
  { name: 'node-main', from: `${NODE}/main([.]ts$|/)`, may: [`${NODE}/`], core: true },
];

const CLIENT_PARTS = [
  {
    name: 'cli',
    from: '^services/cli/',
    may: [
      '^services/(cli|client)/',
      HTTP_CONTRACT,
      CONFIG,
      SUPERVISOR,
      RECOVERY,
      TOKENS,
      npm('commander', 'zod'),
    ],
    core: true,
  },
  { name: 'client', from: '^services/client/', may: ['^services/client/', HTTP_CONTRACT], core: true },
  { name: 'console', from: '^services/console/', may: ['^services/(console|client)/', HTTP_CONTRACT] },
];

const PARTS = [...CORE_PARTS, ...NODE_PARTS, ...CLIENT_PARTS];

const onlyTo = ({ name, from, may, core = false }) => ({
  name,
  severity: 'error',
  comment: 'This part may import less than this; see .dependency-cruiser.cjs and docs/ARCHITECTURE.md.',
  from: { path: from },
  to: { pathNot: may, ...(core ? { dependencyTypesNot: ['core'] } : {}) },
});

const packageOnlyFor = ([name, owner]) => ({
  name: `only-its-adapter-imports-${name}`,
  severity: 'error',
  // Contract tests may reach behind an adapter; the simulator has no business there.
  from: { pathNot: [owner, '^test/(?!simulation/)'] },
  to: { path: npm(name) },
});

const GENERAL = [
  { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'every-file-has-a-part',
    severity: 'error',
    comment: 'Put the file where the house has a place for it, or give its part a rule here.',
    from: { path: '^services/', pathNot: PARTS.map((part) => part.from) },
    to: {},
  },
  {
    name: 'services-never-scripts-or-test',
    severity: 'error',
    from: { path: '^services/' },
    to: { path: '^(scripts|test)/' },
  },
  {
    name: 'entry-points-are-not-imported',
    severity: 'error',
    from: {},
    to: { path: '^(services/(node|cli)/main|scripts/.*/main)[.]ts$' },
  },
  {
    name: 'simulation-on-simulated-ports-only',
    severity: 'error',
    comment:
      "The simulator runs the core and the runtime of production, on ports of its own; the oracle is the verdict's.",
    from: { path: '^test/simulation/' },
    to: {
      path: '^(services|scripts)/',
      pathNot: [`${NODE}/(core|ports|runtime)/`, '^scripts/workload/(causality|log|versionLedger)[.]ts$'],
    },
  },
  {
    name: 'not-to-unresolvable',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'services-never-development-packages',
    severity: 'error',
    from: { path: '^services/' },
    to: {
      dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
      dependencyTypesNot: ['type-only'],
      pathNot: '(^|/)node_modules/@types/',
    },
  },
];

module.exports = {
  forbidden: [...PARTS.map(onlyTo), ...Object.entries(PACKAGE_OWNERS).map(packageOnlyFor), ...GENERAL],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
