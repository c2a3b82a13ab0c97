// How much each setting mattered, with its interval, beside its place in the course's order; and what the rungs let go on.

import { el, fill } from './dom.js';
import { number, percent, whole } from './format.js';

/** Bars of importance. @param {HTMLElement} root */
export function drawImportance(root, { importance = [] }) {
  const most = Math.max(...importance.map((one) => one.high ?? one.value), 1e-9);
  const share = (value) => `${Math.max(0, Math.min(1, value / most)) * 100}%`;
  fill(
    root,
    importance.length
      ? el(
          'table',
          { class: 'bars' },
          el('thead', {}, el('tr', {}, el('th', { scope: 'col', text: 'setting' }), el('th', { scope: 'col', text: 'share of the variance' }), el('th', { scope: 'col', class: 'num', text: 'course', title: "Its place in the course's order" }))),
          el(
            'tbody',
            {},
            importance.map((one) => {
              const words = `${percent(one.value, 2)}, ${percent(one.low, 2)} to ${percent(one.high, 2)}`;
              return el(
                'tr',
                { title: words },
                el('th', { scope: 'row', text: one.name }),
                el(
                  'td',
                  {},
                  el(
                    'div',
                    { class: 'bar' },
                    el('span', { class: 'bar-value', style: { width: share(one.value) } }),
                    el('span', { class: 'bar-range', style: { left: share(one.low), width: `calc(${share(one.high)} - ${share(one.low)})` } }),
                  ),
                  el('span', { class: 'bar-words', text: percent(one.value, 2) }),
                  el('span', { class: 'hidden', text: `, interval ${words}` }),
                ),
                el('td', { class: 'num', text: one.course ? number(one.course) : '–' }),
              );
            }),
          ),
        )
      : el('p', { class: 'empty', text: 'It is being worked out, or there are too few trials so far.' }),
  );
}

/** What went on at each rung. @param {HTMLElement} root @param {Iterable<any>} rungs */
export function drawRungs(root, rungs) {
  const rows = [...rungs].sort((a, b) => a.generation - b.generation);
  fill(
    root,
    rows.length
      ? el(
          'table',
          { class: 'bars' },
          el('thead', {}, el('tr', {}, el('th', { scope: 'col', text: 'generation' }), el('th', { scope: 'col', text: 'networks begun, and those that went on after a rung' }))),
          el(
            'tbody',
            {},
            rows.map((rung) => {
              const steps = [['begun', rung.begun], ...(rung.epochs ?? []).map((epoch, at) => [`after epoch ${epoch}`, rung.went_on?.[at]])].filter(([, n]) => n !== undefined && n !== null);
              return el(
                'tr',
                {},
                el('th', { scope: 'row', class: 'num', text: number(rung.generation) }),
                el(
                  'td',
                  { class: 'rung' },
                  steps.map(([words, n]) =>
                    el('span', { class: 'rung-step', title: words, style: { 'flex-grow': String(Math.max(n, rung.begun * 0.1)) } }, el('b', { text: whole(n) }), ` ${words}`),
                  ),
                ),
              );
            }),
          ),
        )
      : el('p', { class: 'empty', text: 'No rungs: every network trained to its end.' }),
  );
}
