import type { SeparateCluster } from './separate.js';

/** All links between some nodes of a cluster with proxies and the others, in both directions. */
export interface Split {
  cut(how: 'silent' | 'reset'): void;
  heal(): void;
}

/** `away`: indexes of nodes. */
export function splitOff(cluster: SeparateCluster, away: readonly number[]): Split {
  const others = [...cluster.nodes.keys()].filter((index) => !away.includes(index));
  const links = away.flatMap((one) =>
    others.flatMap((other) => [cluster.link(one, other), cluster.link(other, one)]),
  );
  return {
    cut: (how) => {
      for (const link of links) link.cut(how);
    },
    heal: () => {
      for (const link of links) link.heal();
    },
  };
}
