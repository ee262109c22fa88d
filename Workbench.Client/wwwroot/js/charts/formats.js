// Numbers as a person reads them, in the language of the page.

const cache = new Map();

function formatter(options) {
  const key = document.documentElement.lang + JSON.stringify(options);
  if (!cache.has(key))
    cache.set(key, new Intl.NumberFormat(document.documentElement.lang || 'en', options));
  return cache.get(key);
}

export function formatValue(value, kind) {
  if (!Number.isFinite(value))
    return value === undefined || Number.isNaN(value) ? 'NaN' : '∞';
  switch (kind) {
    case 'bytes':
      return bytes(value);
    case 'integer':
      return formatter({ maximumFractionDigits: 0 }).format(value);
    case 'seconds':
      return seconds(value);
    case 'compact':
      return formatter({ notation: 'compact', maximumFractionDigits: 1 }).format(value);
    case 'rate':
      return value !== 0 && Math.abs(value) < 0.01 ? value.toExponential(1) : formatter({ maximumSignificantDigits: 3 }).format(value);
    default:
      return value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(2) : formatter({ maximumSignificantDigits: 4 }).format(value);
  }
}

/** x values: whole steps, short token counts, minutes and seconds. */
export function formatX(value, axis, fine) {
  if (axis === 'time')
    return seconds(value);
  if (axis === 'tokens')
    return fine ? formatValue(value, 'integer') : formatValue(value, 'compact');
  return formatValue(value, 'integer');
}

function seconds(value) {
  if (value < 60)
    return `${formatter({ maximumFractionDigits: value < 10 ? 1 : 0 }).format(value)} s`;
  const whole = Math.round(value);
  const pad = part => String(part).padStart(2, '0');
  const clock = `${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${clock}` : clock;
}

function bytes(value) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let index = 0;
  while (value >= 1024 && index < units.length - 1) {
    value /= 1024;
    index++;
  }
  return `${formatter({ maximumSignificantDigits: 3 }).format(value)} ${units[index]}`;
}
