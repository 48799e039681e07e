/**
 * Names one request of one life of a node: incarnation × 2^20 + a start that differs by life + sequence number, so that an
 * answer to a request from before a restart never meets a later request.
 */
export type RequestNumber = number;
