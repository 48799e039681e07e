import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** What the core may not touch: it gets time, randomness, hashes and I/O as events and ports (ARCHITECTURE.md). */
const IMPURE_GLOBALS = [
  ...['Date', 'performance', 'crypto', 'process', 'Buffer', 'console', 'fetch', 'WebSocket', 'Promise'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'requestAnimationFrame'],
  ...['clearTimeout', 'clearInterval', 'clearImmediate', 'require', 'module', 'global', 'globalThis'],
];

const ENV_MESSAGE = 'Only services/node/config.ts reads the environment.';
const ENV_PROPERTY = { object: 'process', property: 'env', message: ENV_MESSAGE };
const ENV_IMPORT = {
  name: 'node:process',
  message: 'Use the global process; only config.ts reads its environment.',
};
const RANDOM_PROPERTY = { object: 'Math', property: 'random', message: 'Randomness comes in as a port.' };

const NODE_GLOBALS = [
  'process',
  'performance',
  'module',
  'URL',
  'setTimeout',
  'setInterval',
  'clearInterval',
];

const SYNTAX = [
  { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  { selector: 'ExportSpecifier[exported.name="default"]', message: 'Export by name.' },
];

const ASYNC_SYNTAX = [
  { selector: ':function[async=true]', message: 'The core is synchronous.' },
  { selector: 'AwaitExpression', message: 'The core is synchronous.' },
  { selector: 'ImportExpression', message: 'The core is synchronous.' },
];

const TEST_SYNTAX = [
  {
    selector: 'MemberExpression[object.name="jest"][property.name=/mock/i]:not([property.name=/AllMocks$/])',
    message: 'Ports make mocks needless: hand in a fake.',
  },
  {
    selector:
      'MemberExpression[object.name=/^(it|test|describe)$/][property.name=/^(skip|only|todo|failing)$/]',
    message: 'Every test runs, always.',
  },
  {
    selector: 'CallExpression[callee.name=/^(xit|xtest|xdescribe|fit|fdescribe)$/]',
    message: 'Every test runs.',
  },
];

export default defineConfig(
  globalIgnores(['dist/', 'data/', 'coverage/', '.services/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-imports': ['error', { paths: [ENV_IMPORT] }],
      'no-restricted-properties': ['error', ENV_PROPERTY],
      'no-restricted-syntax': ['error', ...SYNTAX],
      '@typescript-eslint/consistent-type-imports': 'error',
      // `case 'x': return onX(event);` is how a dispatch without results reads best.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // `for (;;)` and `while (true)` say what they do.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none', ignoreRestSiblings: true },
      ],
      // There are no enums, and next to no classes; these two rules take a third of the time.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/parameter-properties': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
    },
  },
  {
    files: ['services/**/*.ts', 'scripts/**'],
    rules: {
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', 60],
    },
  },
  {
    files: ['services/node/core/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...IMPURE_GLOBALS],
      'no-restricted-properties': ['error', ENV_PROPERTY, RANDOM_PROPERTY],
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^[^.]', message: 'The core imports neither Node nor npm.' }] },
      ],
      'no-restricted-syntax': ['error', ...SYNTAX, ...ASYNC_SYNTAX],
    },
  },
  {
    files: ['services/node/config.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', ...SYNTAX, ...TEST_SYNTAX],
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Fakes implement asynchronous ports, often with nothing to do or to wait for.
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.strict, tseslint.configs.disableTypeChecked],
    languageOptions: { globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])) },
    rules: {
      eqeqeq: 'error',
      'no-undef': ['error', { typeof: true }],
      'no-restricted-properties': ['error', ENV_PROPERTY],
    },
  },
);
