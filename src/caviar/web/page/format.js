// Values as words: three or four significant digits, shares as per cent.

/** A number with at most `digits` significant digits; "none" for what is no number. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (typeof value !== 'number') return String(value);
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return whole(value);
  if (size >= 1e6 || size < 1e-3) return Number(value.toPrecision(Math.min(digits, 3))).toExponential().replace('e+', 'e');
  if (size >= 1e4) return whole(Math.round(value));
  return String(Number(value.toPrecision(digits)));
}

/** A whole number with commas. */
export function whole(value) {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** A share as per cent. */
export function percent(share, digits = 3) {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–';
  const value = share * 100;
  return `${Math.abs(value) >= 99.95 ? Math.round(value) : Number(value.toPrecision(digits))} %`;
}

/** How an error of a run is written: per cent where it is a share, else in the unit of the target. */
export function errorFormat(run) {
  if (!run) return number;
  const share = run.error === 'share' || (run.kind === 'study' && run.metric === 'error' && run.task === 'classification');
  return share ? percent : number;
}

/** Any value of a setting. */
export function setting(value) {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return plainNumber(value);
  if (Array.isArray(value)) return value.length ? value.map(setting).join(', ') : 'none';
  return String(value);
}

/** A number as it is typed: no commas, at most 4 significant digits unless it is whole. */
export function plainNumber(value) {
  if (!Number.isFinite(value)) return '';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const short = Number(value.toPrecision(4));
  return Math.abs(short) < 1e-3 ? short.toExponential() : String(short);
}

/** Hours, minutes and seconds of an ISO time, in the viewer's zone. */
export function clock(iso) {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? '' : time.toLocaleTimeString([], { hour12: false });
}

/** "1 row", "2 rows". */
export function count(n, one, many = `${one}s`) {
  return `${whole(n)} ${n === 1 ? one : many}`;
}

/** A name with spaces. */
export function spaced(name) {
  return name.replaceAll('_', ' ');
}
