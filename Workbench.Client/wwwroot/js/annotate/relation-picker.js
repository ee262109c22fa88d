// A relation in three picks, by letters, by clicks or by dragging: head, tail, type. Only what the schema allows can be picked; anything else is
// refused with the reason.

import { LETTERS } from './keys.js';
import { escape } from './painter.js';

export class RelationPicker {
  #menu;
  #owner;

  /** @param owner graph, schema, say(key, …), refuse([key, …]), relate(head, tail, type), retype(relation, type), changed(), visible(span) */
  constructor(menu, owner) {
    this.#menu = menu;
    this.#owner = owner;
    this.step = null;
    this.page = 0;
    menu.addEventListener('pointerdown', event => event.preventDefault());
    menu.addEventListener('click', event => {
      const choice = event.target.closest('[data-type]');
      if (choice)
        this.choose(choice.dataset.type);
    });
  }

  get active() {
    return this.step !== null;
  }

  /** Ids that can be picked now; null when nothing is being picked. */
  get lit() {
    const { graph, schema } = this.#owner;
    if (this.step === 'head')
      return new Set([...graph.spans.values()].filter(span => schema.canBeHead(span)).map(span => span.id));
    if (this.step === 'tail')
      return new Set([...graph.spans.values()].filter(span => schema.canBeTail(this.head, span)).map(span => span.id));
    return this.step === 'type' && this.tail ? new Set([this.head.id, this.tail.id]) : null;
  }

  start(head) {
    const { graph, schema } = this.#owner;
    this.cancel(false);
    if (graph.spans.size < 2 || schema.relations.length === 0) {
      this.#owner.refuse([schema.relations.length === 0 ? 'noRelationTypes' : 'needTwo']);
      return;
    }
    this.step = 'head';
    this.#owner.say('pickHead');
    if (head)
      this.pick(head);
    this.#owner.changed();
  }

  /** Another type for a relation that stands. */
  change(relation) {
    const { graph } = this.#owner;
    this.cancel(false);
    this.relation = relation;
    this.head = graph.spans.get(relation.head);
    this.tail = graph.spans.get(relation.tail);
    this.#ask();
    this.#owner.changed();
  }

  pick(span) {
    const { graph, schema } = this.#owner;
    if (this.step === 'head') {
      if (!schema.canBeHead(span)) {
        this.#owner.refuse(['noHead', graph.words(span), span.type]);
        return;
      }
      this.head = span;
      this.step = 'tail';
      this.page = 0;
      this.#owner.say('pickTail', graph.words(span));
    } else if (this.step === 'tail') {
      if (span.id === this.head.id) {
        this.#owner.refuse(['toItself']);
        return;
      }
      if (!schema.canBeTail(this.head, span)) {
        this.#owner.refuse(['noTail', this.head.type, span.type]);
        return;
      }
      this.tail = span;
      this.#ask();
    }
    this.#owner.changed();
  }

  choose(name) {
    const { graph, schema } = this.#owner;
    const type = schema.relation(name);
    const refusal = schema.refusalIn(graph, type, this.head, this.tail, this.relation?.id);
    if (refusal) {
      this.#owner.refuse(refusal);
      return;
    }
    const { head, tail, relation } = this;
    this.cancel(false);
    if (relation)
      this.#owner.retype(relation, name);
    else
      this.#owner.relate(head, tail, name);
  }

  /** True when the key belonged to the picking. */
  key(key, badges) {
    if (key === 'Escape') {
      this.cancel(true);
      return true;
    }
    if (this.step === 'type') {
      const type = this.#owner.schema.relations.find(one => one.key === key);
      if (type)
        this.choose(type.name);
      else if (key === 'ArrowDown' || key === 'ArrowUp')
        this.#walk(key === 'ArrowDown' ? 1 : -1);
      else if (key !== 'Enter' && key !== ' ' && key !== 'Tab' && key !== 'Shift+Tab')
        this.#owner.refuse(['noSuchKey', key]);
      return key !== 'Enter' && key !== ' ' && key !== 'Tab' && key !== 'Shift+Tab';
    }
    if (key === ' ') {
      this.page++;
      this.#owner.changed();
      return true;
    }
    if (key.length !== 1)
      return false;
    const found = [...badges].find(([, letter]) => letter === key);
    if (found)
      this.pick(this.#owner.graph.spans.get(found[0]));
    else
      this.#owner.refuse(['noSuchLetter', key]);
    return true;
  }

  cancel(tell) {
    const was = this.active;
    this.step = this.head = this.tail = this.relation = null;
    this.page = 0;
    this.#menu.hidden = true;
    if (was && tell) {
      this.#owner.say('cancelled');
      this.#owner.changed();
    }
  }

  /** Letters for more entities than there are letters: those that can be picked and are on the screen, the nearest first; blank shows the next. */
  letters(center) {
    const { graph } = this.#owner;
    const lit = this.lit ?? new Set();
    const near = [...graph.spans.values()].filter(span => lit.has(span.id) && this.#owner.visible(span))
      .sort((a, b) => Math.abs(a.start - center) - Math.abs(b.start - center));
    const pages = Math.max(1, Math.ceil(near.length / LETTERS.length));
    const from = (this.page % pages) * LETTERS.length;
    return new Map(near.slice(from, from + LETTERS.length).map((span, i) => [span.id, LETTERS[i]]));
  }

  #ask() {
    const { graph, schema } = this.#owner;
    this.step = 'type';
    const legal = schema.legal(this.head, this.tail);
    this.#menu.innerHTML = legal.map(type =>
      `<button type="button" data-type="${escape(type.name)}">${type.key ? `<kbd>${escape(type.key)}</kbd> ` : ''}${escape(type.name)}</button>`).join('');
    this.#menu.setAttribute('aria-label', this.#owner.text('menuOf', graph.words(this.head), graph.words(this.tail)));
    this.#menu.hidden = false;
    this.#owner.place(this.#menu, this.tail);
    this.#owner.say('pickType', graph.words(this.head), graph.words(this.tail), legal.map(type => `${type.key} ${type.name}`).join(', '));
  }

  #walk(by) {
    const buttons = [...this.#menu.querySelectorAll('button')];
    const at = buttons.indexOf(document.activeElement);
    buttons[(at + by + buttons.length) % buttons.length]?.focus();
  }
}
