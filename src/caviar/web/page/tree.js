// The branches of a session as a tree: what each changed, how it stands; one of them is selected.

import { el, fill, write } from './dom.js';
import { count, number, setting } from './format.js';

const STATES = {
  training: 'training',
  compiling: 'compiling',
  paused: 'paused',
  finished: 'finished',
  stopped: 'stopped',
  ended: 'ended',
  diverged: 'diverged',
};

export class Tree {
  #items = new Map();
  #shape = '';
  #context;

  constructor(context) {
    this.#context = context;
    this.root = el('div', {
      class: 'tree',
      role: 'tree',
      'aria-label': 'Branches',
      'data-testid': 'tree',
      onkeydown: (event) => this.#key(event),
    });
  }

  /** @param {number} selected - branch */
  update(selected) {
    const { store, palette } = this.#context;
    const order = ordered(store.branches);
    const shape = order.map(([branch, depth]) => `${branch.number}:${depth}`).join(' ');
    if (shape !== this.#shape) this.#build(order, shape);
    for (const [branch] of order) this.#show(branch, branch.number === selected, palette);
  }

  #build(order, shape) {
    this.#shape = shape;
    this.#items.clear();
    fill(
      this.root,
      order.map(([branch, depth]) => {
        const item = {
          name: el('span', { class: 'branch-name' }),
          state: el('span', { class: 'branch-state' }),
          change: el('span', { class: 'branch-change' }),
          numbers: el('span', { class: 'branch-numbers' }),
        };
        item.root = el(
          'div',
          {
            class: 'branch',
            role: 'treeitem',
            'aria-level': depth + 1,
            tabindex: '-1',
            style: { '--depth': String(Math.min(depth, 6)) },
            'data-testid': `branch-${branch.number}`,
            'data-key': `branch-${branch.number}`,
            onclick: () => this.#context.select(branch.number),
          },
          el('span', { class: 'swatch', 'aria-hidden': 'true' }),
          el('span', { class: 'branch-head' }, item.name, item.change, item.state),
          item.numbers,
        );
        this.#items.set(branch.number, item);
        return item.root;
      }),
    );
  }

  #show(branch, selected, palette) {
    const item = this.#items.get(branch.number);
    item.root.setAttribute('aria-selected', String(selected));
    item.root.tabIndex = selected ? 0 : -1;
    item.root.dataset.state = branch.state;
    item.root.style.setProperty('--colour', palette.colour(branch.number));
    write(item.name, String(branch.number));
    write(item.state, STATES[branch.state] ?? branch.state);
    write(item.change, this.#change(branch));
    write(item.numbers, this.#numbers(branch));
  }

  #change(branch) {
    const parent = this.#context.store.branches.get(branch.parent);
    if (branch.parent === null || branch.parent === undefined) return 'the first one';
    const born = this.#context.store.journal.find((line) => line.verb === 'branch' && line.new === branch.number);
    if (!born && !parent) return `of branch ${branch.parent}, which was deleted`;
    const changed = born ? Object.entries(born.settings ?? {}) : differences(parent.config ?? {}, branch.config ?? {});
    if (!changed.length) return `a copy of ${branch.parent} from epoch ${branch.born}`;
    const shown = changed.slice(0, 2).map(([name, value]) => `${name} = ${setting(value)}`);
    return shown.join(', ') + (changed.length > 2 ? `, and ${changed.length - 2} more` : '');
  }

  #numbers(branch) {
    const format = this.#context.errorFormat();
    const { every = 1 } = branch;
    const values = branch.curves.get('dev_error')?.values ?? branch.curves.get('train_error')?.values ?? [];
    const name = branch.curves.get('dev_error')?.values.length ? 'dev' : 'train';
    const parts = [branch.planned ? `epoch ${number(branch.epochs)} of ${number(branch.planned)}` : count(branch.epochs, 'epoch')];
    if (values.length) parts.push(`${name} ${format(values[values.length - 1])}`);
    const best = values[Math.round(branch.best_epoch / every) - 1];
    if (branch.best_epoch > 0 && best !== undefined) {
      parts.push(`best ${format(best)} at ${number(branch.best_epoch)}`);
    }
    return parts.join(' · ');
  }

  #key(event) {
    const numbers = [...this.#items.keys()];
    const at = numbers.findIndex((one) => this.#items.get(one).root === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: numbers.length - 1 }[event.key];
    if (at < 0) return;
    if (event.key === 'ArrowLeft') {
      const { parent } = this.#context.store.branches.get(numbers[at]);
      if (this.#items.has(parent)) this.#go(parent);
    } else if (to !== undefined && numbers[to] !== undefined) this.#go(numbers[to]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #go(branch) {
    this.#context.select(branch);
    this.#items.get(branch).root.focus();
  }
}

/** Branches in the order of a tree, each with its depth; one whose parent is gone stands at the root. */
export function ordered(branches) {
  const children = new Map();
  const roots = [];
  for (const branch of [...branches.values()].sort((a, b) => a.number - b.number)) {
    if (branch.parent === null || branch.parent === undefined || !branches.has(branch.parent)) roots.push(branch);
    else if (children.has(branch.parent)) children.get(branch.parent).push(branch);
    else children.set(branch.parent, [branch]);
  }
  const found = [];
  const walk = (branch, depth) => {
    found.push([branch, depth]);
    for (const child of children.get(branch.number) ?? []) walk(child, depth + 1);
  };
  for (const root of roots) walk(root, 0);
  return found;
}

/** Settings in which `other` differs from `config`: pairs of a name and the value in `other`. */
function differences(config, other) {
  const names = new Set([...Object.keys(config), ...Object.keys(other)]);
  const found = [];
  for (const name of names) {
    if (JSON.stringify(config[name] ?? null) !== JSON.stringify(other[name] ?? null)) found.push([name, other[name] ?? null]);
  }
  return found;
}
