export const CLUSTER_FILE = 'cluster.json';
export const VOTE_FILE = 'vote.json';
