/** What a fault of a service shows by itself, the verdict on the load aside. */
export interface Struck {
  readonly figures: readonly (readonly [name: string, value: string | number])[];
  /** What shows that nothing was struck at all. */
  readonly broken: readonly string[];
}
