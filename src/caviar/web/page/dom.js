// Elements from plain values. Text always becomes a text node: nothing that comes from data is read as HTML.

/**
 * An element.
 * @param {string} tag
 * @param {Object<string, any>} attributes - `class`, `text`, listeners as `onclick`, `dataset`, `style` as an object,
 *   properties such as `value` and `checked`; null, undefined and false leave one out.
 * @param {...(Node|string|null|undefined|false|Array)} children
 * @returns {any}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') element.textContent = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name === 'style') for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'open') element[name] = value;
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** Puts other children into an element; the one in focus stays in focus where it has the same `data-key`. */
export function fill(element, ...children) {
  const active = document.activeElement;
  const key = element.contains(active) ? active.dataset.key : undefined;
  const top = element.scrollTop;
  element.replaceChildren();
  add(element, children);
  element.scrollTop = top;
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** Sets text only where it differs, so that nothing is laid out again for nothing. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A row of buttons of which one is chosen. */
export function segmented({ label, options, testid, onchoose }) {
  const buttons = new Map();
  const root = el('div', { class: 'segmented', role: 'group', 'aria-label': label });
  for (const [value, text, title] of options) {
    const button = el('button', {
      type: 'button',
      text,
      title,
      'aria-pressed': 'false',
      'data-testid': testid && `${testid}-${value}`,
      onclick: () => onchoose(value),
    });
    buttons.set(value, button);
    root.append(button);
  }
  return {
    root,
    choose: (value) => buttons.forEach((button, one) => button.setAttribute('aria-pressed', String(one === value))),
    show: (value, visible) => {
      buttons.get(value).hidden = !visible;
    },
  };
}

/** A button that acts on the second press, within a few seconds: for what cannot be undone. */
export function twiceButton({ text, sure, testid, title, onsure }) {
  let timer = 0;
  const calm = () => {
    clearTimeout(timer);
    timer = 0;
    button.textContent = text;
    button.classList.remove('sure');
  };
  const button = el('button', {
    type: 'button',
    text,
    title,
    'data-testid': testid,
    onblur: () => timer && calm(),
    onclick: () => {
      if (timer) {
        calm();
        onsure();
        return;
      }
      button.textContent = sure();
      button.classList.add('sure');
      timer = window.setTimeout(calm, 5000);
    },
  });
  return button;
}
