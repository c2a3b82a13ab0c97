// The value of every trial over each setting, on the scale of the setting; the zooms of coarse to fine are bands.

import { el, fill, write } from './dom.js';
import { cut } from './parallel.js';

const LEFT = 46;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;
const NEAR = 14;

export class Scatter {
  #plots = new Map();
  #shape = '';
  #data = null;
  #on;

  /** @param {{onopen: (number: number) => void, oninvalid: () => void, theme: import('./theme.js').Theme}} on */
  constructor(on) {
    this.#on = on;
    this.root = el('div', { class: 'scatter' });
    this.observer = new ResizeObserver(() => on.oninvalid());
    this.observer.observe(this.root);
  }

  destroy() {
    this.observer.disconnect();
  }

  /**
   * @param {{axes: import('./parallel.js').Axis[], value: import('./parallel.js').Axis, trials: any[],
   *   kept: Set<number> | null, zooms: any[], best: number | null, picked: Map<number, string>}} data
   */
  draw(data) {
    this.#data = data;
    const shape = data.axes.map((axis) => axis.name).join(' ');
    if (shape !== this.#shape) this.#build(shape);
    const palette = this.#on.theme.colours();
    for (const axis of data.axes) this.#plot(axis, palette);
  }

  #build(shape) {
    this.#shape = shape;
    this.#plots = new Map();
    fill(
      this.root,
      this.#data.axes.map((axis) => {
        const canvas = el('canvas', {
          role: 'img',
          'aria-label': `${this.#data.value.title} over ${axis.title}`,
          'data-testid': `scatter-${axis.name}`,
          onpointermove: (event) => this.#hover(event, axis.name),
          onpointerleave: () => write(readout, ''),
          onclick: (event) => {
            const found = this.#nearest(event, axis.name);
            if (found) this.#on.onopen(found.number);
          },
        });
        const readout = el('output', { class: 'readout', 'aria-live': 'off' });
        this.#plots.set(axis.name, { canvas, readout });
        return el('figure', {}, el('figcaption', {}, el('span', { class: 'chart-name', text: axis.title, title: axis.title }), readout), canvas);
      }),
    );
  }

  #place(canvas) {
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    return {
      width,
      height,
      x: (position) => LEFT + position * (width - LEFT - RIGHT),
      y: (position) => height - BOTTOM - position * (height - TOP - BOTTOM),
    };
  }

  #plot(axis, palette) {
    const { canvas } = this.#plots.get(axis.name);
    const { width, height, x, y } = this.#place(canvas);
    if (!width) return;
    const dpr = window.devicePixelRatio;
    if (canvas.width !== Math.round(width * dpr) || canvas.height !== Math.round(height * dpr)) {
      canvas.width = Math.round(width * dpr);
      canvas.height = Math.round(height * dpr);
    }
    const context = canvas.getContext('2d');
    context.setTransform(dpr, 0, 0, dpr, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#bands(context, axis, palette, x, height);
    this.#axes(context, axis, palette, { width, height, x, y });
    this.#dots(context, axis, palette, x, y);
  }

  #bands(context, axis, palette, x, height) {
    const { zooms } = this.#data;
    context.fillStyle = palette.band;
    zooms.forEach((zoom, at) => {
      context.globalAlpha = 0.04 + (0.09 * (at + 1)) / Math.max(2, zooms.length);
      for (const [from, to] of ranges(zoom.region?.[axis.name], axis.scale)) {
        context.fillRect(x(from), TOP, Math.max(2, x(to) - x(from)), height - TOP - BOTTOM);
      }
    });
    context.globalAlpha = 1;
  }

  #axes(context, axis, palette, { width, height, x, y }) {
    const { value } = this.#data;
    context.font = '10.5px system-ui, sans-serif';
    context.strokeStyle = palette.line;
    context.fillStyle = palette.muted;
    context.lineWidth = 1;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.beginPath();
    for (const mark of value.scale.ticks(4)) {
      const at = Math.round(y(value.scale.of(mark))) + 0.5;
      if (at < TOP - 1 || at > height - BOTTOM + 1) continue;
      context.moveTo(LEFT, at);
      context.lineTo(width - RIGHT, at);
      context.fillText(value.words(mark), LEFT - 5, at);
    }
    context.stroke();
    context.textBaseline = 'top';
    context.textAlign = 'center';
    const marks = axis.scale.ticks(Math.max(2, Math.floor((width - LEFT) / 62)));
    const room = (width - LEFT - RIGHT) / Math.max(1, axis.scale.options ? marks.length : 1);
    let last = -Infinity;
    for (const mark of marks) {
      const at = x(axis.scale.of(mark));
      const text = cut(context, axis.words(mark), axis.scale.options ? Math.max(14, room - 4) : 60);
      const half = context.measureText(text).width / 2;
      if (at - half < last + 5 || at + half > width + 2) continue;
      context.fillText(text, at, height - BOTTOM + 5);
      last = at + half;
    }
    context.strokeStyle = palette.muted;
    context.beginPath();
    context.moveTo(LEFT, height - BOTTOM + 0.5);
    context.lineTo(width - RIGHT, height - BOTTOM + 0.5);
    context.stroke();
  }

  #dots(context, axis, palette, x, y) {
    const { trials, kept, best, picked } = this.#data;
    const size = trials.length > 2000 ? 2 : trials.length > 400 ? 3 : 4;
    const alpha = trials.length > 2000 ? 0.5 : 0.7;
    const dot = (trial, side) => {
      const at = this.#at(trial, axis);
      if (at) context.fillRect(x(at[0]) - side / 2, y(at[1]) - side / 2, side, side);
    };
    context.globalAlpha = 0.35;
    context.fillStyle = palette.few;
    if (kept) for (const trial of trials) if (!kept.has(trial.number)) dot(trial, size);
    context.globalAlpha = alpha;
    for (const trial of trials) if (trial.state !== 'complete' && (!kept || kept.has(trial.number))) dot(trial, size);
    context.fillStyle = palette.many;
    for (const trial of trials) if (trial.state === 'complete' && (!kept || kept.has(trial.number))) dot(trial, size);
    context.globalAlpha = 1;
    for (const trial of trials) {
      const colour = picked.get(trial.number) ?? (trial.number === best ? palette.best : null);
      if (!colour) continue;
      context.fillStyle = palette.surface;
      dot(trial, 10);
      context.fillStyle = colour;
      dot(trial, 7);
    }
  }

  /** Positions of a trial, with options spread a little so that equal ones do not hide each other. */
  #at(trial, axis) {
    const { value } = this.#data;
    if (trial.value === null || trial.value === undefined) return null;
    let at = axis.scale.of(axis.value(trial));
    if (Number.isNaN(at)) return null;
    if (axis.scale.options) at += ((((trial.number * 0.618034) % 1) - 0.5) * 0.6) / axis.scale.options.length;
    return [Math.min(1, Math.max(0, at)), Math.min(1, Math.max(0, value.scale.of(trial.value)))];
  }

  #nearest(event, name) {
    const { canvas } = this.#plots.get(name);
    const { x, y } = this.#place(canvas);
    const axis = this.#data.axes.find((one) => one.name === name);
    let found = null;
    let least = NEAR;
    for (const trial of this.#data.trials) {
      if (this.#data.kept && !this.#data.kept.has(trial.number)) continue;
      const at = this.#at(trial, axis);
      if (!at) continue;
      const distance = Math.hypot(x(at[0]) - event.offsetX, y(at[1]) - event.offsetY);
      if (distance < least) [least, found] = [distance, trial];
    }
    return found;
  }

  #hover(event, name) {
    const { readout } = this.#plots.get(name);
    const axis = this.#data.axes.find((one) => one.name === name);
    const trial = this.#nearest(event, name);
    write(readout, trial ? `trial ${trial.number}: ${axis.words(axis.value(trial))}, ${this.#data.value.words(trial.value)}` : '');
  }
}

/** Where on an axis the part of a zoom lies: two ends, or options. */
function ranges(part, scale) {
  if (!Array.isArray(part) || !part.length) return [];
  if (!scale.options) return [[Math.max(0, scale.of(part[0])), Math.min(1, scale.of(part[1]))]].filter(([a, b]) => a <= b);
  if (part.length >= scale.options.length) return [];
  const half = 0.5 / scale.options.length;
  return part.map((option) => scale.of(option)).filter((at) => !Number.isNaN(at)).map((at) => [at - half, at + half]);
}
