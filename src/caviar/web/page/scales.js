// Positions between 0 and 1 <-> values of a setting, on the scale on which it matters.
//
// `linear` is a straight line, `log` equal factors, `one_minus_log` equal factors of 1 - value (0.9, 0.99, 0.999).

/** @typedef {{at: (position: number) => any, of: (value: any) => number, ticks: (count: number) => any[],
 *   options: any[] | null}} Scale - `of` is NaN for a value that is not there, and beyond 0 and 1 outside of the range */

function forward(scale) {
  if (scale === 'log') return (v) => Math.log10(v);
  if (scale === 'one_minus_log') return (v) => -Math.log10(1 - v);
  return (v) => v;
}

function backward(scale) {
  if (scale === 'log') return (u) => 10 ** u;
  if (scale === 'one_minus_log') return (u) => 1 - 10 ** -u;
  return (u) => u;
}

/** Rounded to what a hand on a slider can mean: three significant digits (of 1 - value where that is what counts). */
function tidy(value, scale) {
  if (scale === 'one_minus_log') return Number((1 - Number((1 - value).toPrecision(2))).toPrecision(12));
  return Number(value.toPrecision(3));
}

/**
 * A scale of numbers.
 * @param {{low: number, high: number, scale?: string, kind?: string}} about
 * @returns {Scale}
 */
export function numberScale({ low, high, scale = 'linear', kind = 'number' }) {
  if (scale === 'log' && !(low > 0)) scale = 'linear';
  if (scale === 'one_minus_log' && !(high < 1)) high = Math.max(1 - 1e-5, low);
  const there = forward(scale);
  const back = backward(scale);
  const from = there(low);
  const to = there(high);
  const span = to - from || 1;
  return {
    options: null,
    at(position) {
      const share = Math.min(1, Math.max(0, position));
      const value = share === 0 ? low : share === 1 ? high : tidy(back(from + share * span), scale);
      return kind === 'whole' ? Math.round(value) : value;
    },
    of(value) {
      if (value === null || value === undefined || Number.isNaN(value)) return NaN;
      const u = there(value);
      return Number.isFinite(u) ? (u - from) / span : value > low ? 1 : 0;
    },
    ticks: (count) => ticks(low, high, scale, count).filter((mark) => kind !== 'whole' || Number.isInteger(mark)),
  };
}

/** A scale of options, evenly spaced with half a step at the ends. */
export function choiceScale(options) {
  const keys = options.map((one) => JSON.stringify(one));
  return {
    options,
    at: (position) => options[Math.min(options.length - 1, Math.max(0, Math.floor(position * options.length)))],
    of: (value) => {
      const index = keys.indexOf(JSON.stringify(value));
      return index < 0 ? NaN : (index + 0.5) / options.length;
    },
    ticks: () => options,
  };
}

/** The scale of one dimension of a space. */
export function dimensionScale(dimension) {
  const choice = dimension.kind === 'choice' || dimension.kind === 'flag' || dimension.low === undefined;
  return choice || dimension.low === null ? choiceScale(dimension.options ?? [false, true]) : numberScale(dimension);
}

/** A scale that fits measured values: equal factors where they span several. */
export function valueScale(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high)) return { ...numberScale({ low: 0, high: 1 }), low: 0, high: 1 };
  if (low === high) high = low + (Math.abs(low) || 1) * 0.1;
  const scale = low > 0 && high / low > 8 ? 'log' : 'linear';
  const margin = (high - low) * 0.03;
  if (scale === 'linear') {
    low = low >= 0 ? Math.max(0, low - margin) : low - margin;
    high += margin;
  }
  return { ...numberScale({ low, high, scale }), low, high };
}

/** Round values in a range, about `count` of them. */
export function ticks(low, high, scale, count) {
  if (scale === 'log') return logTicks(low, high, count);
  if (scale === 'one_minus_log') {
    return logTicks(1 - high, 1 - low, count).map((v) => Number((1 - v).toPrecision(12))).reverse();
  }
  const step = niceStep((high - low) / Math.max(1, count));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

/** 1, 2 or 5 times a power of ten, at least `step`. */
function niceStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  const factor = step / power;
  return (factor <= 1.0001 ? 1 : factor <= 2.0001 ? 2 : factor <= 5.0001 ? 5 : 10) * power;
}

function logTicks(low, high, count) {
  const decades = Math.log10(high / low);
  const found = [];
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil(decades / Math.max(1, count)));
  const steps = decades < 1.2 ? [1, 1.5, 2, 3, 4, 5, 7] : decades < count / 2.5 ? [1, 2, 5] : decades < count / 1.7 ? [1, 3] : [1];
  for (let power = first; power <= last; power++) {
    if (steps.length === 1 && (power - first) % every) continue;
    for (const step of steps) {
      const value = Number(`${step}e${power}`);
      if (value >= low * 0.9999 && value <= high * 1.0001) found.push(value);
    }
  }
  return found.length > 1 ? found : ticks(low, high, 'linear', Math.min(count, 4));
}
