import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '../../../services/node/adapters/prom-client-metrics.js';

/** The value of the series that begins so, from the exposed page. */
async function valueOf(
  metrics: ReturnType<typeof createMetrics>,
  series: string,
): Promise<number | undefined> {
  const { body } = await metrics.expose();
  const line = body.split('\n').find((text) => text.startsWith(series));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

describe('metrics', () => {
  it('counts by labels, each combination by itself, in any order of the names', async () => {
    const metrics = createMetrics({ nodeId: 'n1' });
    metrics.count('rondo_requests_total', { op: 'get', code: 'ok' });
    metrics.count('rondo_requests_total', { code: 'ok', op: 'get' }, 4);
    metrics.count('rondo_requests_total', { op: 'put', code: 'ok' });
    expect(await valueOf(metrics, 'rondo_requests_total{op="get",code="ok",node="n1"}')).toBe(5);
    expect(await valueOf(metrics, 'rondo_requests_total{op="put",code="ok",node="n1"}')).toBe(1);
  });

  it('counts without labels', async () => {
    const metrics = createMetrics({ nodeId: 'n1' });
    metrics.count('rondo_bus_unroutable_total');
    metrics.count('rondo_bus_unroutable_total', undefined, 2);
    expect(await valueOf(metrics, 'rondo_bus_unroutable_total{node="n1"}')).toBe(3);
  });

  it('puts observations into buckets from half a millisecond to five seconds', async () => {
    const metrics = createMetrics({ nodeId: 'n1' });
    for (const seconds of [0.0004, 0.004, 4, 60])
      metrics.observe('rondo_request_seconds', seconds, { op: 'get' });
    const bucket = (le: string): Promise<number | undefined> =>
      valueOf(metrics, `rondo_request_seconds_bucket{le="${le}",node="n1",op="get"}`);
    expect([await bucket('0.0005'), await bucket('0.005'), await bucket('5'), await bucket('+Inf')]).toEqual([
      1, 2, 3, 4,
    ]);
    metrics.observe('rondo_storage_batch_records', 3);
    expect(await valueOf(metrics, 'rondo_storage_batch_records_sum{node="n1"}')).toBe(3);
  });

  it('reads a gauge at each scrape, from its latest owner', async () => {
    const metrics = createMetrics({ nodeId: 'n1' });
    let value = 1;
    metrics.gauge('rondo_epoch', () => 99);
    metrics.gauge('rondo_epoch', () => value);
    expect(await valueOf(metrics, 'rondo_epoch{node="n1"}')).toBe(1);
    value = 2;
    expect(await valueOf(metrics, 'rondo_epoch{node="n1"}')).toBe(2);
  });

  it('never throws on odd labels', async () => {
    const metrics = createMetrics({ nodeId: 'n1' });
    metrics.count('rondo_events_total', { event: '__proto__' });
    metrics.count('rondo_events_total', { event: '"\n\\' });
    metrics.count('rondo_events_total', { unknown: 'x' });
    metrics.count('rondo_events_total');
    metrics.count('rondo_bus_unroutable_total', { unknown: 'x' });
    expect(await valueOf(metrics, 'rondo_events_total{event="__proto__",node="n1"}')).toBe(1);
    expect(await valueOf(metrics, 'rondo_events_total{event="",node="n1"}')).toBe(2);
  });

  it('keeps the registries of two nodes in one process apart, with the process beside them', async () => {
    const metrics = [createMetrics({ nodeId: 'n1' }), createMetrics({ nodeId: 'n2' })];
    metrics[0]!.count('rondo_events_total', { event: 'forwarded' });
    expect(await valueOf(metrics[1]!, 'rondo_events_total{')).toBeUndefined();
    const { contentType, body } = await metrics[1]!.expose();
    expect(contentType).toContain('text/plain; version=0.0.4');
    expect(body).toContain('process_resident_memory_bytes{node="n2"}');
  });
});
