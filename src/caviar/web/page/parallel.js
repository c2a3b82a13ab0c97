// Parallel coordinates: every trial a line across its settings and its value. A range of an axis is chosen with the
// mouse or a finger along the axis, or with the arrow keys on its two ends.

import { el, fill } from './dom.js';
import { ramp } from './theme.js';

const TOP = 34;
const BOTTOM = 30;
const SIDE = 58;
const BINS = 8;
/** Lines of one path: those of a path do not shine through each other. */
const TOGETHER = 50;
/** Least width of an axis in pixels: a finger has to hit it. */
const LEAST = 92;

/**
 * @typedef {{name: string, title: string, scale: import('./scales.js').Scale, value: (trial: any) => any,
 *   words: (value: any) => string}} Axis
 */

export class Parallel {
  #axes = [];
  #elements = new Map();
  #width = 0;
  #height = 0;
  #drag = null;
  #on;
  #brush = new Map();
  #data = null;

  /**
   * @param {{onbrush: (brush: Map<string, [number, number]>) => void, oninvalid: () => void,
   *   theme: import('./theme.js').Theme}} on
   */
  constructor(on) {
    this.#on = on;
    this.canvas = el('canvas', { role: 'img', 'aria-label': 'Every trial as a line across its settings; the table below holds the same', 'data-testid': 'parallel' });
    this.handles = el('div', { class: 'axes' });
    this.inner = el('div', { class: 'parallel-inner' }, this.canvas, this.handles);
    this.root = el('div', { class: 'parallel', tabindex: '-1' }, this.inner);
    this.observer = new ResizeObserver(() => {
      this.#layout();
      on.oninvalid();
    });
    this.observer.observe(this.root);
  }

  destroy() {
    this.observer.disconnect();
  }

  focus() {
    this.handles.querySelector('[role=slider]')?.focus();
  }

  /**
   * @param {{axes: Axis[], trials: any[], kept: Set<number> | null, ranks: Map<number, number>, best: number | null,
   *   brush: Map<string, [number, number]>, picked: Map<number, string>}} data - `ranks` from 0, the best, to 1
   */
  draw(data) {
    this.#data = data;
    this.#brush = data.brush;
    const shape = data.axes.map((axis) => axis.name).join(' ');
    const had = this.#axes.map((axis) => axis.name).join(' ');
    this.#axes = data.axes;
    if (shape !== had) this.#build();
    if (!this.#width) this.#layout();
    if (!this.#width || !this.#axes.length) return;
    this.#drawLines();
    for (const axis of this.#axes) this.#showBrush(axis);
  }

  // ---- places

  #layout() {
    const box = this.root.getBoundingClientRect();
    this.#width = Math.max(Math.round(box.width), SIDE * 2 + LEAST * Math.max(0, this.#axes.length - 1));
    this.#height = Math.round(box.height) - (this.#width > box.width ? 14 : 0);
    this.inner.style.width = `${this.#width}px`;
    this.inner.style.height = `${this.#height}px`;
    this.canvas.width = Math.round(this.#width * window.devicePixelRatio);
    this.canvas.height = Math.round(this.#height * window.devicePixelRatio);
    for (const [i, axis] of this.#axes.entries()) {
      const { root } = this.#elements.get(axis.name);
      root.style.left = `${this.#x(i) - 22}px`;
      root.style.top = `${TOP}px`;
      root.style.height = `${this.#height - TOP - BOTTOM}px`;
    }
    if (this.#data) this.#on.oninvalid();
  }

  #x(index) {
    return SIDE + (this.#axes.length > 1 ? (index / (this.#axes.length - 1)) * (this.#width - 2 * SIDE) : 0);
  }

  #y(position) {
    return TOP + (1 - position) * (this.#height - TOP - BOTTOM);
  }

  // ---- lines

  #drawLines() {
    const { trials, kept, ranks, best, picked } = this.#data;
    const context = this.canvas.getContext('2d');
    const palette = this.#on.theme.colours();
    context.setTransform(window.devicePixelRatio, 0, 0, window.devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.#width, this.#height);
    const bins = Array.from({ length: BINS }, () => []);
    const faded = [];
    const unranked = [];
    for (const trial of trials) {
      const rank = ranks.get(trial.number);
      if (kept && !kept.has(trial.number)) faded.push(trial);
      else if (rank === undefined) unranked.push(trial);
      else bins[Math.min(BINS - 1, Math.floor(rank * BINS))].push(trial);
    }
    const shown = trials.length - faded.length;
    const alpha = Math.min(0.7, Math.max(0.03, 2.6 / Math.sqrt(shown + 1)));
    context.lineWidth = 1;
    this.#lines(context, faded, palette.few, 0.8 / Math.sqrt(faded.length + 1));
    this.#lines(context, unranked, palette.few, alpha);
    const shades = ramp(palette.good, palette.bad, BINS);
    for (let bin = BINS - 1; bin >= 0; bin--) this.#lines(context, bins[bin], shades[bin], Math.min(1, alpha * (bin === 0 ? 4 : bin === 1 ? 1.6 : 1)));
    context.lineWidth = 2.2;
    const one = (number, colour) => {
      const trial = trials.find((other) => other.number === number);
      if (trial) this.#lines(context, [trial], colour, 1);
    };
    if (best !== null) one(best, palette.best);
    for (const [number, colour] of picked) one(number, colour);
    context.globalAlpha = 1;
    this.#drawAxes(context, palette);
  }

  #lines(context, trials, colour, alpha) {
    if (!trials.length) return;
    context.strokeStyle = colour;
    context.globalAlpha = alpha;
    const axes = this.#axes;
    const none = this.#height - BOTTOM + 14;
    for (let from = 0; from < trials.length; from += TOGETHER) {
      context.beginPath();
      for (let k = from; k < Math.min(trials.length, from + TOGETHER); k++) {
        for (let i = 0; i < axes.length; i++) {
          const at = axes[i].scale.of(axes[i].value(trials[k]));
          const y = Number.isNaN(at) ? none : this.#y(Math.min(1, Math.max(0, at)));
          if (i) context.lineTo(this.#x(i), y);
          else context.moveTo(this.#x(i), y);
        }
      }
      context.stroke();
    }
  }

  #drawAxes(context, palette) {
    const bottom = this.#height - BOTTOM;
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    const width = this.#axes.length > 1 ? this.#x(1) - this.#x(0) : 200;
    for (const [i, axis] of this.#axes.entries()) {
      const x = Math.round(this.#x(i)) + 0.5;
      context.strokeStyle = palette.muted;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x, TOP);
      context.lineTo(x, bottom);
      context.stroke();
      context.font = '600 12px system-ui, sans-serif';
      context.textAlign = 'center';
      halo(context, cut(context, axis.title, width - 10), x, 12, palette.ink, palette.surface);
      context.font = '11px system-ui, sans-serif';
      context.textAlign = 'right';
      const rows = Math.max(2, Math.floor((bottom - TOP) / 34));
      const marks = axis.scale.ticks(rows);
      const every = Math.ceil(marks.length / Math.max(2, Math.floor((bottom - TOP) / 15)));
      for (let k = 0; k < marks.length; k += every) {
        const y = this.#y(axis.scale.of(marks[k]));
        if (!(y >= TOP - 2 && y <= bottom + 2)) continue;
        context.strokeStyle = palette.muted;
        context.beginPath();
        context.moveTo(x - 4, y);
        context.lineTo(x, y);
        context.stroke();
        halo(context, cut(context, axis.words(marks[k]), Math.min(width, 110) - 20), x - 7, y, palette.ink, palette.surface);
      }
      if (this.#data.trials.some((trial) => Number.isNaN(axis.scale.of(axis.value(trial))))) {
        halo(context, 'not used', x - 7, bottom + 14, palette.muted, palette.surface);
      }
    }
  }

  // ---- brushes

  #build() {
    this.#elements = new Map();
    fill(
      this.handles,
      this.#axes.map((axis) => {
        const box = el('div', { class: 'brush', hidden: true });
        const end = (which) =>
          el('div', {
            class: `brush-end ${which}`,
            role: 'slider',
            tabindex: '0',
            'aria-orientation': 'vertical',
            'aria-valuemin': '0',
            'aria-valuemax': '1',
            'aria-label': `${axis.title}, ${which === 'low' ? 'from' : 'to'}`,
            'data-testid': `axis-${axis.name}-${which}`,
            'data-key': `axis-${axis.name}-${which}`,
            onkeydown: (event) => this.#key(event, axis, which),
          });
        const ends = { low: end('low'), high: end('high') };
        const root = el(
          'div',
          {
            class: 'axis',
            role: 'group',
            'aria-label': axis.title,
            title: `${axis.title}: draw along the axis to choose a range, press it to choose all`,
            'data-testid': `axis-${axis.name}`,
            onpointerdown: (event) => this.#down(event, axis),
            onpointermove: (event) => this.#move(event),
            onpointerup: (event) => this.#up(event),
            onpointercancel: () => {
              this.#drag = null;
            },
          },
          box,
          ends.low,
          ends.high,
        );
        this.#elements.set(axis.name, { root, box, ends });
        return root;
      }),
    );
    this.#layout();
  }

  #position(event, root) {
    const box = root.getBoundingClientRect();
    return Math.min(1, Math.max(0, 1 - (event.clientY - box.top) / box.height));
  }

  #down(event, axis) {
    if (event.button) return;
    const { root } = this.#elements.get(axis.name);
    root.setPointerCapture(event.pointerId);
    const at = this.#position(event, root);
    const had = this.#brush.get(axis.name);
    const near = (event.pointerType === 'touch' ? 18 : 8) / (this.#height - TOP - BOTTOM);
    let kind = 'new';
    if (had && Math.abs(at - had[0]) < near) kind = 'low';
    else if (had && Math.abs(at - had[1]) < near) kind = 'high';
    else if (had && at > had[0] && at < had[1]) kind = 'move';
    this.#drag = { axis, root, kind, from: at, had, moved: false };
    event.preventDefault();
  }

  #move(event) {
    const drag = this.#drag;
    if (!drag) return;
    const at = this.#position(event, drag.root);
    if (!drag.moved && Math.abs(at - drag.from) * (this.#height - TOP - BOTTOM) < 4) return;
    drag.moved = true;
    let range;
    if (drag.kind === 'new') range = [Math.min(drag.from, at), Math.max(drag.from, at)];
    else if (drag.kind === 'low') range = [Math.min(at, drag.had[1]), drag.had[1]];
    else if (drag.kind === 'high') range = [drag.had[0], Math.max(at, drag.had[0])];
    else {
      const by = Math.min(1 - drag.had[1], Math.max(-drag.had[0], at - drag.from));
      range = [drag.had[0] + by, drag.had[1] + by];
    }
    this.#set(drag.axis.name, range);
  }

  #up() {
    const drag = this.#drag;
    this.#drag = null;
    if (drag && !drag.moved && drag.had) this.#set(drag.axis.name, null);
  }

  #key(event, axis, which) {
    const step = axis.scale.options ? 1 / axis.scale.options.length : event.shiftKey ? 0.1 : 0.02;
    const now = this.#brush.get(axis.name) ?? [0, 1];
    const at = which === 'low' ? 0 : 1;
    const to = { ArrowUp: now[at] + step, ArrowRight: now[at] + step, ArrowDown: now[at] - step, ArrowLeft: now[at] - step, PageUp: now[at] + 0.1, PageDown: now[at] - 0.1, Home: 0, End: 1 }[event.key];
    if (to !== undefined) {
      const range = [...now];
      range[at] = at ? Math.max(now[0], Math.min(1, to)) : Math.min(now[1], Math.max(0, to));
      this.#set(axis.name, range);
    } else if (['Delete', 'Backspace', 'Escape'].includes(event.key)) this.#set(axis.name, null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #set(name, range) {
    const brush = new Map(this.#brush);
    if (!range || (range[0] <= 0.0005 && range[1] >= 0.9995)) brush.delete(name);
    else brush.set(name, range);
    this.#brush = brush;
    this.#on.onbrush(brush);
  }

  #showBrush(axis) {
    const { root, box, ends } = this.#elements.get(axis.name);
    const range = this.#brush.get(axis.name);
    const [low, high] = range ?? [0, 1];
    root.classList.toggle('brushed', Boolean(range));
    box.hidden = !range;
    box.style.bottom = `${low * 100}%`;
    box.style.top = `${(1 - high) * 100}%`;
    ends.low.style.bottom = `${low * 100}%`;
    ends.high.style.bottom = `${high * 100}%`;
    for (const [end, at] of [[ends.low, low], [ends.high, high]]) {
      end.setAttribute('aria-valuenow', at.toFixed(3));
      end.setAttribute('aria-valuetext', axis.words(axis.scale.at(at)));
    }
  }
}

/** Text that can be read on lines. */
function halo(context, text, x, y, ink, ground) {
  context.strokeStyle = ground;
  context.lineWidth = 3.5;
  context.strokeText(text, x, y);
  context.fillStyle = ink;
  context.fillText(text, x, y);
  context.lineWidth = 1;
}

/** Text that fits into a width. */
export function cut(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}
