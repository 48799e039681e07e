const NOT_RUN = ['pending', 'skipped', 'todo', 'disabled'];

/** A jest reporter that fails the run where a test was skipped or is still to be written. Stands before `default`. */
export default class NoSkippedTests {
  #skipped = [];

  onTestResult(_test, { testFilePath, testResults }) {
    for (const { status, fullName } of testResults) {
      if (NOT_RUN.includes(status)) this.#skipped.push(`${testFilePath}: ${fullName}`);
    }
  }

  onRunComplete() {
    if (this.#skipped.length === 0) return;
    process.stderr.write(`\nNo test may be skipped, but these were:\n  ${this.#skipped.join('\n  ')}\n`);
  }

  /** Asked by jest at the end; an error fails the run. */
  getLastError() {
    return this.#skipped.length > 0 ? new Error('tests were skipped') : undefined;
  }
}
