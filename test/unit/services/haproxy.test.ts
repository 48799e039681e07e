import { expect, it } from '@jest/globals';
import { servingNodes } from '../../../scripts/services/haproxy.js';

it("services: counts the servers that are up in HAProxy's list, and neither places nor those that are down", () => {
  const rest = '64 1 1 3 15 3 2 6 0 0 0 a.consul 25401 _rondo._tcp.service.consul 0 0 - - 0';
  const state = [
    '1',
    '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state',
    `3 nodes 1 rondo1 127.0.0.1 2 ${rest}`,
    `3 nodes 2 rondo2 127.0.0.1 0 ${rest}`,
    `3 nodes 3 rondo3 - 0 ${rest}`,
    '',
  ].join('\n');
  expect(servingNodes(state)).toBe(1);
  expect(servingNodes('')).toBe(0);
});
