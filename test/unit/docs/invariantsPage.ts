/** The works that entries of docs/INVARIANTS.md may still wait for. */
const WORKS = ['RabbitMQ and Consul', 'ring changes'];

/** Every promise and rule, in the order of the page. */
export const NUMBERS = [...numbered('I', 15), ...numbered('R', 14)];

export interface CitedTest {
  readonly file: string;
  readonly name: string;
}

export interface Entry {
  readonly number: string;
  readonly prose: string;
  readonly tests: readonly CitedTest[];
  readonly works: readonly string[];
  /** List items that are neither. */
  readonly strange: readonly string[];
}

/** Reads a file of the project; undefined where there is none. */
export type ReadText = (file: string) => string | undefined;

const TEST_ITEM = /^- Test: `([^`]+)`: (.+)$/;
const WORK_ITEM = /^- Work: (.+)$/;

/** Splits the page into its entries: a heading, prose, and a list of tests and works. */
export function parsePage(page: string): Entry[] {
  return page.split(/^### /m).slice(1).map(parseEntry);
}

function parseEntry(section: string): Entry {
  const [heading = '', ...lines] = section.split(/^## /m)[0]!.trim().split('\n');
  const items = lines.filter((line) => line.startsWith('- '));
  return {
    number: heading.split(' ')[0]!,
    prose: lines
      .filter((line) => !line.startsWith('- '))
      .join(' ')
      .trim(),
    tests: items.flatMap((item) => {
      const match = TEST_ITEM.exec(item);
      return match ? [{ file: match[1]!, name: match[2]! }] : [];
    }),
    works: items.flatMap((item) => WORK_ITEM.exec(item)?.[1] ?? []),
    strange: items.filter((item) => !TEST_ITEM.test(item) && !WORK_ITEM.test(item)),
  };
}

/** What is wrong with the page, one line a fault. */
export function faultsOf(page: string, readText: ReadText): string[] {
  const entries = parsePage(page);
  const numbers = entries.map((entry) => entry.number);
  const missing = NUMBERS.filter((number) => !numbers.includes(number));
  const surplus = numbers.filter((number, i) => !NUMBERS.includes(number) || numbers.indexOf(number) !== i);
  return [
    ...missing.map((number) => `${number} is missing`),
    ...surplus.map((number) => `${number} is unknown or there twice`),
    ...entries.flatMap((entry) => faultsOfEntry(entry, readText).map((fault) => `${entry.number}: ${fault}`)),
  ];
}

function faultsOfEntry({ prose, tests, works, strange }: Entry, readText: ReadText): string[] {
  return [
    ...(prose.length < 40 ? ['says next to nothing'] : []),
    ...(tests.length + works.length === 0 ? ['has neither a test nor a work'] : []),
    ...works.filter((work) => !WORKS.includes(work)).map((work) => `unknown work "${work}"`),
    ...strange.map((item) => `cannot be read: ${item}`),
    ...tests.flatMap((test) => faultsOfTest(test, readText)),
  ];
}

/** A test's name has to be a whole string literal in its file. */
function faultsOfTest({ file, name }: CitedTest, readText: ReadText): string[] {
  const text = file.startsWith('test/') ? readText(file) : undefined;
  if (text === undefined) return [`no test file ${file}`];
  const found = ["'", '"', '`'].some((quote) => text.includes(quote + name + quote));
  return found ? [] : [`no test in ${file} is named: ${name}`];
}

function numbered(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
}
