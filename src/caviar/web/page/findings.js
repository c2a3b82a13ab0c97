// What the adviser finds while the network trains, with evidence, and each remedy one press away.

import { el, fill } from './dom.js';
import { setting, spaced } from './format.js';

const SEVERITIES = { critical: 'critical', warning: 'warning', info: 'note' };

export class Findings {
  #context;

  constructor(context) {
    this.#context = context;
    this.list = el('div', { class: 'scroll', 'data-testid': 'findings' });
    this.number = el('span', { class: 'count' });
    this.root = el(
      'section',
      { class: 'card findings', 'aria-label': 'Findings' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Findings' }), this.number),
      this.list,
    );
  }

  update() {
    const { findings, branches, alive } = this.#context.store;
    this.list.inert = !alive;
    this.number.textContent = findings.length ? String(findings.length) : '';
    let at = 0;
    const cards = findings.map((finding) => {
      const remedies = (finding.remedies ?? []).map((remedy) => this.#remedy(finding, remedy, at++));
      return this.#card(finding, remedies, branches.size > 1);
    });
    fill(this.list, cards.length ? cards : el('p', { class: 'empty', text: alive ? 'Nothing to say so far. What is found appears here, with what would help.' : 'Findings are told while a session trains, and in its report.' }));
  }

  #card(finding, remedies, several) {
    const severity = SEVERITIES[finding.severity] ? finding.severity : 'info';
    const where = [several && `branch ${finding.branch}`, finding.since > 0 && `since epoch ${finding.since}`].filter(Boolean).join(', ');
    return el(
      'article',
      { class: 'finding', 'data-severity': severity, 'data-testid': `finding-${finding.name}` },
      el(
        'header',
        {},
        el('span', { class: 'severity', text: SEVERITIES[severity] }),
        el('h3', { text: spaced(finding.name) }),
        el('span', { class: 'where', text: where }),
      ),
      el('p', { text: finding.meaning }),
      finding.evidence?.length
        ? el('dl', { class: 'evidence' }, finding.evidence.map(([name, value]) => el('div', {}, el('dt', { text: spaced(String(name)) }), el('dd', { text: String(value) }))))
        : null,
      finding.source ? el('p', { class: 'source', text: finding.source }) : null,
      remedies.length ? el('ul', { class: 'remedies' }, remedies) : null,
    );
  }

  #remedy(finding, remedy, at) {
    const possible = remedy.possible !== false;
    const changes = Object.entries(remedy.settings ?? {}).map(([name, value]) => `${name} = ${setting(value)}`).join(', ');
    const act = (verb) => (event) => this.#act(event.currentTarget, { verb, branch: finding.branch, settings: remedy.settings });
    const button = (text, verb, testid, title) =>
      el('button', { type: 'button', text, title, class: verb === 'branch' ? 'main' : '', 'data-testid': testid, 'data-key': testid, 'aria-label': `${text}: ${remedy.name}`, onclick: act(verb) });
    return el(
      'li',
      { class: 'remedy' },
      el(
        'div',
        { class: 'remedy-words' },
        el('strong', { text: remedy.name, title: changes }),
        remedy.reason ? el('span', { text: remedy.reason }) : null,
        remedy.cost ? el('span', { class: 'cost', text: remedy.cost }) : null,
        possible ? null : el('span', { class: 'why-not', text: remedy.why_not || 'Not possible here.' }),
      ),
      possible
        ? el(
            'div',
            { class: 'remedy-buttons' },
            button('Try beside it', 'branch', `remedy-try-${at}`, `A copy with ${changes} trains beside branch ${finding.branch}`),
            button('Apply', 'nudge', `remedy-apply-${at}`, `Changes branch ${finding.branch} itself: ${changes}`),
          )
        : null,
    );
  }

  async #act(button, command) {
    button.disabled = true;
    await this.#context.command(command);
    button.disabled = false;
  }

  focus() {
    (this.list.querySelector('button') ?? this.list).focus();
  }
}
