/** What a run without a recorded load did and found, step by step. */
export interface StepsResult {
  /** What was done, and what came out, in order. */
  readonly steps: readonly (readonly [step: string, outcome: string])[];
  readonly broken: readonly string[];
}

export interface Steps {
  /** Tells of a step; one that did not come out right makes the run fail. */
  check(step: string, outcome: string, isRight: boolean): void;
  /** The same for one that must find nothing. */
  checkNone(step: string, found: readonly string[]): void;
  result(): StepsResult;
}

const OUTCOME_CHARS_MAX = 400;

export function newSteps(say: (line: string) => void): Steps {
  const steps: (readonly [string, string])[] = [];
  const broken: string[] = [];
  const check = (step: string, outcome: string, isRight: boolean): void => {
    const text = outcome.trim().slice(0, OUTCOME_CHARS_MAX);
    say(`${step}: ${text}`);
    steps.push([step, text]);
    if (!isRight) broken.push(`${step}: ${text}`);
  };
  return {
    check,
    checkNone: (step, found) => {
      check(step, found.length === 0 ? 'as it must be' : found.join('; '), found.length === 0);
    },
    result: () => ({ steps, broken }),
  };
}
