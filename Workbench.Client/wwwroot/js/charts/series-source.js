// Fetches columns of one metric as the server writes them: see SeriesFormat in the contracts.

const HEADER = 8;

/** int32 count, int32 flags, count × float64 x, count × float32 y, then min and max where flags has bit 1, then int64 lastSeq. */
export function parseSeries(buffer) {
  const view = new DataView(buffer);
  const count = view.getInt32(0, true);
  const bucketed = (view.getInt32(4, true) & 1) !== 0;
  let offset = HEADER;
  const x = new Float64Array(buffer, offset, count);
  offset += count * 8;
  const y = new Float32Array(buffer, offset, count);
  offset += count * 4;
  const banded = buffer.byteLength - offset >= count * 8 + 8;
  const min = banded ? new Float32Array(buffer, offset, count) : y;
  const max = banded ? new Float32Array(buffer, offset + count * 4, count) : y;
  offset += banded ? count * 8 : 0;
  const lastSeq = buffer.byteLength >= offset + 8 ? Number(view.getBigInt64(offset, true)) : 0;
  return { x, y, min, max, bucketed, lastSeq };
}

export async function fetchSeries({ run, metric, axis, from, to, points }, signal) {
  const query = new URLSearchParams({ metric, x: axis === 'time' ? 'seconds' : axis, points: String(points) });
  if (Number.isFinite(from))
    query.set('from', String(from));
  if (Number.isFinite(to))
    query.set('to', String(to));
  const answer = await fetch(`api/runs/${encodeURIComponent(run)}/series?${query}`, { signal });
  if (!answer.ok)
    throw new Error(`${answer.status} ${answer.statusText}`);
  return parseSeries(await answer.arrayBuffer());
}
