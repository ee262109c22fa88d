// Entities and relations as lists of words: for those who do not see the drawing, and for texts in which it gets crowded. The same keys act on what
// is chosen here.

import { escape } from './painter.js';

export class GraphList {
  #host;
  #owner;
  #html = '';

  constructor(host, owner) {
    this.#host = host;
    this.#owner = owner;
    host.addEventListener('click', event => {
      const row = event.target.closest('button[data-id]');
      if (!row)
        return;
      owner.choose(row.dataset.kind, row.dataset.id, event.shiftKey);
    });
    host.addEventListener('keydown', event => {
      if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp')
        return;
      const rows = [...host.querySelectorAll('button[data-id]')];
      const at = rows.indexOf(document.activeElement);
      const next = rows[at + (event.key === 'ArrowDown' ? 1 : -1)];
      if (at < 0 || !next)
        return;
      event.preventDefault();
      event.stopPropagation();
      next.focus();
      owner.choose(next.dataset.kind, next.dataset.id, false);
    });
  }

  show(graph, schema, look) {
    const { text } = this.#owner;
    const order = graph.ordered();
    const rank = new Map(order.map((span, i) => [span.id, i]));
    const relations = [...graph.relations.values()].sort((a, b) => rank.get(a.head) - rank.get(b.head) || rank.get(a.tail) - rank.get(b.tail));
    const chosen = (kind, id) => look.selected?.kind === kind && look.selected.id === id;
    const badge = id => look.badges?.get(id) ? `<kbd>${look.badges.get(id)}</kbd> ` : '';
    const words = span => `<span style="--entity:${schema.color(span)}" class="wb-list-words">${escape(graph.words(span))}</span>`;
    const entity = span => `<li><button type="button" data-kind="span" data-id="${escape(span.id)}" aria-pressed="${chosen('span', span.id)}"${look.lit && !look.lit.has(span.id) ? ' class="wb-dim"' : ''}>`
      + `${badge(span.id)}${words(span)} <span class="wb-list-type">${escape(span.type || text('untyped'))}</span>${flag(look, span.id)}</button></li>`;
    const relation = one => `<li><button type="button" data-kind="relation" data-id="${escape(one.id)}" aria-pressed="${chosen('relation', one.id)}">`
      + `${words(graph.spans.get(one.head))} <span class="wb-list-type">${escape(one.type)} →</span> ${words(graph.spans.get(one.tail))}${flag(look, one.id)}</button></li>`;
    const html = `<div><h3>${escape(text('entities', order.length))}</h3><ol>${order.map(entity).join('')}</ol></div>`
      + `<div><h3>${escape(text('relations', relations.length))}</h3><ol>${relations.map(relation).join('')}</ol></div>`;
    if (html === this.#html)
      return;
    const focused = this.#host.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    this.#html = html;
    this.#host.innerHTML = html;
    if (focused)
      this.#host.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  }
}

function flag(look, id) {
  const message = look.flags?.get(id);
  return message ? ` <span class="wb-list-flag" title="${escape(message)}">⚠ ${escape(message)}</span>` : '';
}
