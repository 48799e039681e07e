/** More than half of so many nodes, and no more than needed: two majorities have a node in common. */
export function majority(nodes: number): number {
  return Math.floor(nodes / 2) + 1;
}

/** So many that at least one of them is in every majority: N − majority + 1 (R10). */
export function meetingEveryMajority(nodes: number): number {
  return nodes - majority(nodes) + 1;
}
