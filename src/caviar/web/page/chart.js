// Learning curves on one canvas: from one to a thousand and more, of which only what is new is drawn.
//
// Two canvases lie on each other. On the lower one are the axes and all curves; it is drawn anew only when the axes, the
// size, the theme or an old value changes, else the new ends are added. On the upper one, drawn at every change, are the
// few emphasised curves, the markers of commands and what lies under the pointer. Curves of one style are one path.

import { el, write } from './dom.js';
import { number } from './format.js';
import { ticks } from './scales.js';

const LEFT = 52;
const RIGHT = 38;
const TOP = 10;
const BOTTOM = 24;
const FLAG = 14;
/** Segments after which a path is stroked: long paths cost more than their parts. */
const PART = 1000;
/** Powers of ten below the lowest solid curve at which a log axis ends: a loss on train rows may fall for ever. */
const BELOW = 2.5;
/** From so many curves on a few outliers may lie outside of the axes. */
const MANY = 24;

/**
 * @typedef {{colour: string, width: number, alpha: number, dash: number[] | null}} Style - shared by its curves
 * @typedef {{key: string, curve: {values: number[], edition: number}, style: Style, first: number, every: number,
 *   label: string, emphasis: Style | null, tag: string}} Series - point i is epoch (i + 1) * every; the first are left out
 */

export class CurveChart {
  #records = new Map();
  #markers = [];
  #zoom = null;
  #log;
  #width = 0;
  #height = 0;
  #dpr = 1;
  #range = null;
  #full = true;
  #outside = 0;
  #points = 0;
  #hover = null;
  #drag = null;
  #colours;
  #theme;
  #on;
  #format;

  /**
   * @param {{label: string, theme: import('./theme.js').Theme, format?: (v: number) => string, log?: boolean, testid: string, least?: number,
   *   onpick?: (key: string) => void, onzoom?: (zoom: [number, number] | null) => void, oninvalid: () => void}} options
   */
  constructor({ label, theme, format = number, log = true, testid, least = 4, onpick, onzoom, oninvalid }) {
    this.#theme = theme;
    this.#colours = theme.colours();
    this.#format = format;
    this.#log = log;
    this.#on = { pick: onpick, zoom: onzoom, invalid: oninvalid };
    this.least = least;
    this.lower = el('canvas', { 'aria-hidden': 'true' });
    this.upper = el('canvas', {
      role: 'img',
      'aria-label': label,
      tabindex: '0',
      'data-testid': testid,
      onpointermove: (event) => this.#moved(event),
      onpointerleave: () => this.#left(),
      onpointerdown: (event) => this.#pressed(event),
      onpointerup: (event) => this.#released(event),
      onpointercancel: () => this.#left(),
      ondblclick: () => this.#on.zoom?.(null),
      onkeydown: (event) => this.#key(event),
      onblur: () => this.#left(),
    });
    this.name = el('span', { class: 'chart-name', text: label });
    this.readout = el('output', { class: 'readout', 'aria-live': 'off' });
    this.plot = el('div', { class: 'plot' }, this.lower, this.upper);
    this.root = el('figure', { class: 'chart' }, el('figcaption', {}, this.name, this.readout), this.plot);
    this.observer = new ResizeObserver(() => this.#resized());
    this.observer.observe(this.plot);
  }

  destroy() {
    this.observer.disconnect();
  }

  /** @param {Series} series - one with a key that is there takes its place */
  put(series) {
    const had = this.#records.get(series.key);
    const same = ['curve', 'style', 'first', 'every'].every((name) => had?.series[name] === series[name]);
    if (had && same) {
      had.series = series;
      return;
    }
    if (had) this.#full = true;
    this.#records.set(series.key, { series, drawn: 0, edition: series.curve.edition, length: 0 });
  }

  has(key) {
    return this.#records.has(key);
  }

  remove(key) {
    if (this.#records.delete(key)) this.#full = true;
  }

  keep(keys) {
    for (const key of this.#records.keys()) if (!keys.has(key)) this.remove(key);
  }

  /** Styles were changed in place. */
  restyle() {
    this.#full = true;
  }

  /** @param {{x: number, letter: string, words: string, strong: boolean}[]} markers */
  mark(markers) {
    this.#markers = markers;
  }

  set format(format) {
    if (format !== this.#format) this.#full = true;
    this.#format = format;
  }

  set log(log) {
    if (log !== this.#log) this.#full = true;
    this.#log = log;
  }

  set zoom(zoom) {
    const same = zoom === this.#zoom || (zoom && this.#zoom && zoom[0] === this.#zoom[0] && zoom[1] === this.#zoom[1]);
    if (!same) this.#full = true;
    this.#zoom = zoom;
  }

  themed() {
    this.#colours = this.#theme.colours();
    this.#full = true;
  }

  set title(title) {
    write(this.name, title);
  }

  /** What a screen reader is told. */
  describe(words) {
    if (this.upper.getAttribute('aria-label') !== words) this.upper.setAttribute('aria-label', words);
  }

  /** The longest curve. */
  get longest() {
    let most = 0;
    for (const { series } of this.#records.values()) most = Math.max(most, series.curve.values.length * series.every);
    return most;
  }

  /** Draws what is new, or all of it where it has to be. */
  draw() {
    if (!this.#width || !this.#height) return;
    if (window.devicePixelRatio !== this.#dpr) this.#resize();
    if (!this.#full && this.#changed()) this.#full = true;
    if (this.#full) this.#drawAll();
    else this.#drawNew();
    this.#drawOver();
  }

  // ---- axes

  #changed() {
    const range = this.#range;
    if (!range) return true;
    let outside = 0;
    let points = 0;
    const most = this.#records.size < MANY ? 0 : 0.02;
    for (const record of this.#records.values()) {
      const { curve, first, every } = record.series;
      if (record.edition !== curve.edition) return true;
      const { values } = curve;
      if (values.length * every > range.x1 && !this.#zoom) return true;
      for (let i = Math.max(record.drawn, first); i < values.length; i++) {
        const x = (i + 1) * every;
        if (x < range.x0 || x > range.x1) continue;
        const v = this.#t(values[i]);
        if (v < range.y0 && v > -Infinity && !(range.floored && record.series.style.dash)) return true;
        if (v > range.y1 && v < Infinity) outside += 1;
        points += 1;
      }
    }
    this.#points += points;
    this.#outside += outside;
    return outside > 0 && this.#outside > most * this.#points;
  }

  /** A value on the axis: its logarithm, or itself. Zero and less have no logarithm and lie on the lower edge. */
  #t(value) {
    return this.#log ? (value > 0 ? Math.log10(value) : value <= 0 ? -Infinity : NaN) : value;
  }

  #fit() {
    const x0 = this.#zoom ? this.#zoom[0] : 1;
    const x1 = this.#zoom ? this.#zoom[1] : rung(Math.max(this.longest, this.least));
    let low = Infinity;
    let high = -Infinity;
    let solid = Infinity;
    let points = 0;
    for (const { series } of this.#records.values()) {
      const { values } = series.curve;
      const end = Math.min(values.length, Math.floor(x1 / series.every));
      for (let i = Math.max(series.first, Math.ceil(x0 / series.every) - 1); i < end; i++) {
        const v = this.#t(values[i]);
        if (!(v > -Infinity && v < Infinity)) continue;
        points += 1;
        if (v < low) low = v;
        if (v > high) high = v;
        if (v < solid && !series.style.dash) solid = v;
      }
    }
    const floored = this.#log && low < solid - BELOW;
    if (floored && solid < Infinity) low = solid - BELOW;
    if (!(low <= high)) [low, high] = this.#log ? [-2, 0] : [0, 1];
    if (this.#records.size >= MANY) high = Math.min(high, this.#quantile(0.985, x0, x1, points) + (this.#log ? 0.1 : 0));
    if (high - low < (this.#log ? 0.05 : Math.abs(high) * 0.02 || 0.1)) {
      const least = this.#log ? 0.05 : Math.abs(high) * 0.05 || 0.1;
      [low, high] = [low - least, high + least];
    }
    const span = high - low;
    const zero = !this.#log && low >= 0;
    const y0 = zero && low < span ? 0 : low - span * (this.#zoom ? 0.05 : 0.12);
    this.#range = { x0, x1, y0, y1: high + span * 0.06, floored };
    this.#points = points;
    this.#outside = 0;
  }

  /** About the value below which a share of the values lie. */
  #quantile(share, x0, x1, points) {
    const every = Math.max(1, Math.floor(points / 4000));
    const found = [];
    let at = 0;
    for (const { series } of this.#records.values()) {
      const { values } = series.curve;
      const end = Math.min(values.length, Math.floor(x1 / series.every));
      for (let i = Math.max(series.first, Math.ceil(x0 / series.every) - 1); i < end; i++) {
        if (at++ % every) continue;
        const v = this.#t(values[i]);
        if (v > -Infinity && v < Infinity) found.push(v);
      }
    }
    if (!found.length) return Infinity;
    const sorted = Float64Array.from(found).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }

  #x(epoch) {
    const { x0, x1 } = this.#range;
    return LEFT + ((epoch - x0) / (x1 - x0)) * (this.#width - LEFT - RIGHT);
  }

  #y(value) {
    const { y0, y1 } = this.#range;
    const bottom = this.#height - BOTTOM;
    const y = bottom - ((this.#t(value) - y0) / (y1 - y0)) * (bottom - TOP);
    return y > bottom ? bottom : y;
  }

  #resized() {
    const box = this.plot.getBoundingClientRect();
    const width = Math.round(box.width);
    const height = Math.round(box.height);
    if (width === this.#width && height === this.#height) return;
    this.#width = width;
    this.#height = height;
    this.#resize();
    this.#on.invalid();
  }

  #resize() {
    this.#dpr = window.devicePixelRatio;
    for (const canvas of [this.lower, this.upper]) {
      canvas.width = Math.round(this.#width * this.#dpr);
      canvas.height = Math.round(this.#height * this.#dpr);
      canvas.getContext('2d').setTransform(this.#dpr, 0, 0, this.#dpr, 0, 0);
    }
    this.#full = true;
  }

  // ---- curves

  #drawAll() {
    this.#full = false;
    this.#fit();
    const context = this.lower.getContext('2d');
    context.clearRect(0, 0, this.#width, this.#height);
    this.#drawAxes(context);
    for (const record of this.#records.values()) {
      record.drawn = 0;
      record.length = 0;
      record.edition = record.series.curve.edition;
    }
    this.#drawNew();
  }

  /** The ends of the curves that are not on the canvas yet. */
  #drawNew() {
    const context = this.lower.getContext('2d');
    context.save();
    this.#clip(context);
    const styles = new Map();
    for (const record of this.#records.values()) {
      if (record.drawn >= record.series.curve.values.length) continue;
      const { style } = record.series;
      if (!styles.has(style)) styles.set(style, []);
      styles.get(style).push(record);
    }
    for (const [style, records] of styles) this.#stroke(context, style, records);
    context.restore();
  }

  #clip(context) {
    context.beginPath();
    context.rect(LEFT - 1, 0, this.#width - LEFT - RIGHT + 3, this.#height - BOTTOM + 1);
    context.clip();
  }

  #stroke(context, style, records) {
    use(context, style);
    let parts = 0;
    context.beginPath();
    for (const record of records) {
      if (style.dash) {
        context.stroke();
        context.beginPath();
        context.lineDashOffset = record.length;
      }
      parts += this.#trace(context, record.series, record.drawn, style.dash ? record : null);
      record.drawn = record.series.curve.values.length;
      if (parts > PART) {
        context.stroke();
        context.beginPath();
        parts = 0;
      }
    }
    context.stroke();
    context.setLineDash([]);
  }

  /** Adds a curve from its value `from` on to the path; its length is added to `measured`, for dashes that go on. */
  #trace(context, series, from, measured = null) {
    const { x0, x1, y0, y1 } = this.#range;
    const { values } = series.curve;
    const { every } = series;
    const kx = (this.#width - LEFT - RIGHT) / (x1 - x0);
    const bottom = this.#height - BOTTOM;
    const ky = (bottom - TOP) / (y1 - y0);
    const log = this.#log;
    const begin = Math.max(series.first, from - 1, Math.floor(x0 / every) - 2, 0);
    const end = Math.min(values.length, Math.ceil(x1 / every) + 1);
    let pen = false;
    let lastX = 0;
    let lastY = 0;
    for (let i = begin; i < end; i++) {
      const value = values[i];
      if (Number.isNaN(value)) {
        pen = false;
        continue;
      }
      const t = log ? (value > 0 ? Math.log10(value) : y0) : value;
      const x = LEFT + ((i + 1) * every - x0) * kx;
      let y = bottom - (t - y0) * ky;
      if (y < -1e4) y = -1e4;
      if (pen) context.lineTo(x, y);
      else context.moveTo(x, y);
      if (measured && pen) measured.length += Math.hypot(x - lastX, y - lastY);
      lastX = x;
      lastY = y;
      pen = true;
    }
    return Math.max(0, end - begin);
  }

  #drawAxes(context) {
    const { x0, x1, y0, y1 } = this.#range;
    const bottom = this.#height - BOTTOM;
    context.font = '11px system-ui, sans-serif';
    context.strokeStyle = this.#colours.line;
    context.fillStyle = this.#colours.muted;
    context.lineWidth = 1;
    const rows = Math.max(2, Math.floor((bottom - TOP) / 38));
    const marks = this.#log ? ticks(10 ** y0, 10 ** y1, 'log', rows) : ticks(y0, y1, 'linear', rows);
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.beginPath();
    for (const value of marks) {
      const y = Math.round(this.#y(value)) + 0.5;
      if (y < TOP - 1 || y > bottom + 1) continue;
      context.moveTo(LEFT, y);
      context.lineTo(this.#width - RIGHT, y);
      context.fillText(this.#format(value), LEFT - 7, y);
    }
    context.stroke();
    context.textAlign = 'center';
    context.textBaseline = 'top';
    const columns = Math.max(2, Math.floor((this.#width - LEFT - RIGHT) / 70));
    for (const value of ticks(x0, x1, 'linear', columns)) {
      if (!Number.isInteger(value)) continue;
      context.fillText(number(value), this.#x(value), bottom + 7);
    }
    context.beginPath();
    context.moveTo(LEFT, bottom + 0.5);
    context.lineTo(this.#width - RIGHT, bottom + 0.5);
    context.strokeStyle = this.#colours.muted;
    context.stroke();
  }

  // ---- what lies over the curves

  #drawOver() {
    const context = this.upper.getContext('2d');
    context.clearRect(0, 0, this.#width, this.#height);
    this.#drawMarkers(context);
    context.save();
    this.#clip(context);
    const tags = [];
    for (const { series } of this.#records.values()) {
      if (!series.emphasis) continue;
      use(context, series.emphasis);
      context.lineDashOffset = 0;
      context.beginPath();
      this.#trace(context, series, 0);
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
    }
    context.restore();
    for (const { series } of this.#records.values()) if (series.tag) tags.push(series);
    this.#drawTags(context, tags);
    this.#drawHover(context);
    if (this.#drag?.moved) {
      context.fillStyle = this.#colours.accent;
      context.globalAlpha = 0.15;
      context.fillRect(Math.min(this.#drag.from, this.#drag.to), TOP, Math.abs(this.#drag.to - this.#drag.from), this.#height - TOP - BOTTOM);
      context.globalAlpha = 1;
    }
  }

  /** A dot and a word at the end of a curve, kept apart from each other. */
  #drawTags(context, series) {
    const placed = [];
    for (const one of series) {
      const { values } = one.curve;
      let last = Math.min(values.length, Math.floor(this.#range.x1 / one.every)) - 1;
      while (last >= one.first && Number.isNaN(values[last])) last -= 1;
      const end = (last + 1) * one.every;
      if (last < one.first || end < this.#range.x0) continue;
      placed.push({ one, x: this.#x(end), y: Math.max(TOP, this.#y(values[last])) });
    }
    placed.sort((a, b) => a.y - b.y);
    let above = -Infinity;
    context.font = '600 11px system-ui, sans-serif';
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    for (const { one, x, y } of placed) {
      context.fillStyle = (one.emphasis ?? one.style).colour;
      context.beginPath();
      context.arc(x, y, one.emphasis ? 3 : 2, 0, 7);
      context.fill();
      const at = Math.max(y, above + 11);
      context.fillText(one.tag, x + 6, at);
      above = at;
    }
  }

  #drawMarkers(context) {
    const bottom = this.#height - BOTTOM;
    context.font = '600 10px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    let last = -Infinity;
    for (const marker of this.#markers) {
      const x = Math.round(this.#x(Math.max(marker.x, this.#range.x0))) + 0.5;
      if (marker.x < this.#range.x0 - 0.5 || marker.x > this.#range.x1) continue;
      context.globalAlpha = marker.strong ? 1 : 0.45;
      context.strokeStyle = this.#colours.muted;
      context.lineWidth = 1;
      context.setLineDash([2, 3]);
      context.beginPath();
      context.moveTo(x, TOP);
      context.lineTo(x, bottom);
      context.stroke();
      context.setLineDash([]);
      if (x - last < FLAG - 1) continue;
      last = x;
      context.fillStyle = this.#colours.surface;
      context.fillRect(x - FLAG / 2, 0, FLAG, FLAG);
      context.strokeRect(x - FLAG / 2, 0.5, FLAG, FLAG - 1);
      context.fillStyle = this.#colours.ink;
      context.fillText(marker.letter, x, FLAG / 2 + 0.5);
    }
    context.globalAlpha = 1;
  }

  #drawHover(context) {
    if (!this.#hover) {
      write(this.readout, '');
      return;
    }
    const { epoch } = this.#hover;
    const found = this.#nearest();
    const x = Math.round(this.#x(epoch)) + 0.5;
    context.strokeStyle = this.#colours.muted;
    context.globalAlpha = 0.6;
    context.beginPath();
    context.moveTo(x, TOP);
    context.lineTo(x, this.#height - BOTTOM);
    context.stroke();
    context.globalAlpha = 1;
    this.#hover.key = found?.series.key ?? null;
    if (!found) {
      write(this.readout, `epoch ${epoch}`);
      return;
    }
    const { series } = found;
    const strong = { ...series.style, width: 2, alpha: 1 };
    context.save();
    this.#clip(context);
    use(context, strong);
    context.beginPath();
    this.#trace(context, series, 0);
    context.stroke();
    context.setLineDash([]);
    context.restore();
    context.fillStyle = strong.colour;
    context.beginPath();
    context.arc(this.#x(epoch), this.#y(valueAt(series, epoch)), 4, 0, 7);
    context.fill();
    const marker = this.#markerAt(this.#hover.px);
    write(this.readout, marker ? marker.words : `epoch ${epoch}, ${series.label}: ${this.#format(valueAt(series, epoch))}`);
  }

  // ---- pointer and keys

  /** The curve nearest to the pointer at its epoch. */
  #nearest() {
    const { epoch, py, rank } = this.#hover;
    const found = [];
    let best = null;
    let least = Infinity;
    for (const record of this.#records.values()) {
      const value = valueAt(record.series, epoch);
      if (Number.isNaN(value)) continue;
      if (rank !== undefined) {
        found.push(record);
        continue;
      }
      const distance = Math.abs(this.#y(value) - py);
      if (distance < least) [least, best] = [distance, record];
    }
    if (rank === undefined) return best;
    found.sort((a, b) => valueAt(a.series, epoch) - valueAt(b.series, epoch));
    this.#hover.rank = Math.max(0, Math.min(found.length - 1, rank));
    return found[this.#hover.rank] ?? null;
  }

  #markerAt(px) {
    if (px === undefined) return null;
    const near = this.#markers.filter((marker) => Math.abs(this.#x(marker.x) - px) < 6);
    return near.length ? { words: near.map((marker) => marker.words).join('; ') } : null;
  }

  #epochAt(px) {
    const { x0, x1 } = this.#range;
    const epoch = Math.round(x0 + ((px - LEFT) / (this.#width - LEFT - RIGHT)) * (x1 - x0));
    return Math.max(Math.ceil(x0), Math.min(Math.floor(x1), this.longest, epoch));
  }

  #moved(event) {
    if (!this.#range) return;
    if (this.#drag) {
      this.#drag.to = Math.max(LEFT, Math.min(this.#width - RIGHT, event.offsetX));
      this.#drag.moved ||= Math.abs(this.#drag.to - this.#drag.from) > 8;
    }
    this.#hover = { epoch: this.#epochAt(event.offsetX), px: event.offsetX, py: event.offsetY, key: null };
    this.#on.invalid();
  }

  #left() {
    if (!this.#hover && !this.#drag) return;
    this.#hover = null;
    this.#drag = null;
    this.#on.invalid();
  }

  #pressed(event) {
    if (!this.#range || event.button) return;
    this.#drag = { from: event.offsetX, to: event.offsetX, moved: false };
    if (event.pointerType === 'mouse') this.upper.setPointerCapture(event.pointerId);
  }

  #released() {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag) return;
    if (drag.moved) {
      const [from, to] = [this.#epochAt(Math.min(drag.from, drag.to)), this.#epochAt(Math.max(drag.from, drag.to))];
      if (to - from >= 2) this.#on.zoom?.([from, to]);
    } else if (this.#hover?.key) this.#on.pick?.(this.#hover.key);
    this.#on.invalid();
  }

  #key(event) {
    if (!this.#range || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const now = this.#hover ?? { epoch: Math.min(this.longest, Math.floor(this.#range.x1)), rank: 0 };
    if (step) {
      const epoch = now.epoch + step * (event.shiftKey ? 10 : 1);
      this.#hover = { epoch: Math.max(Math.ceil(this.#range.x0), Math.min(this.longest, Math.floor(this.#range.x1), epoch)), rank: now.rank ?? 0 };
    } else if (up) this.#hover = { epoch: now.epoch, rank: (now.rank ?? 0) + (this.#hover?.rank === undefined ? 0 : up) };
    else if (event.key === 'Enter' && this.#hover?.key) this.#on.pick?.(this.#hover.key);
    else return;
    this.readout.setAttribute('aria-live', 'polite');
    event.preventDefault();
    event.stopPropagation();
    this.#on.invalid();
  }
}

/** The value of a curve at an epoch, or at the nearest one that it has; NaN where it has none. */
function valueAt({ curve, first, every }, epoch) {
  const at = Math.round(epoch / every) - 1;
  return at >= first && at >= 0 && at < curve.values.length ? curve.values[at] : NaN;
}

function use(context, style) {
  context.strokeStyle = style.colour;
  context.lineWidth = style.width;
  context.globalAlpha = style.alpha;
  context.lineJoin = 'round';
  context.setLineDash(style.dash ?? []);
}

/** The next end of an axis that grows in steps of about a quarter. */
function rung(epochs) {
  const power = 10 ** Math.floor(Math.log10(epochs));
  for (const factor of [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) if (epochs <= factor * power) return factor * power;
  return 10 * power;
}
