import { at } from './elements.js';

/**
 * For each partition all nodes in the order in which their tokens are met clockwise, beginning with the token of the
 * partition itself. Nodes without a token come last, in the order of `nodes`.
 *
 * @param owners for each partition the node that owns its token
 * @param nodes every node, in the order that decides where tokens do not
 */
export function clockwiseOrders(owners: readonly number[], nodes: readonly number[]): number[][] {
  const recent = [...nodes];
  const orders: number[][] = [];
  // Counter-clockwise, the token just passed is the nearest one ahead. The first lap only learns what lies beyond 0.
  for (let step = 2 * owners.length - 1; step >= 0; step--) {
    const partition = step % owners.length;
    moveToFront(recent, at(owners, partition));
    if (step < owners.length) orders[partition] = [...recent];
  }
  return orders;
}

/**
 * The classic replica set of a partition: the first `size` distinct nodes met clockwise, passing over zones that are
 * already in the set while there are others (Dynamo, §4.3).
 *
 * @param order one of {@link clockwiseOrders}
 * @param zones for each node the index of its zone
 */
export function walk(order: readonly number[], zones: readonly number[], size: number): number[] {
  const met = new Set<number>();
  const spread = order.filter((node) => {
    const isNew = !met.has(at(zones, node));
    met.add(at(zones, node));
    return isNew;
  });
  const rest = order.filter((node) => !spread.includes(node));
  const set = new Set([...spread, ...rest].slice(0, size));
  return order.filter((node) => set.has(node));
}

function moveToFront(list: number[], element: number): void {
  list.splice(list.indexOf(element), 1);
  list.unshift(element);
}
