// The annotation of one record after another. What lies between a key and the picture happens here; server and page hear of it afterwards.

import { Choosing } from './choosing.js';
import { Graph, History } from './graph.js';
import { GraphList } from './graph-list.js';
import { keyName } from './keys.js';
import { markAs, run } from './commands.js';
import { News } from './news.js';
import { build } from './paper.js';
import { Pointer } from './pointer.js';
import { Records } from './records.js';
import { RelationPicker } from './relation-picker.js';
import { SaveQueue } from './save-queue.js';
import { Schema } from './schema.js';
import { Sheet } from './sheet.js';
import { Suggestions } from './suggestions.js';
import * as edits from './edits.js';
import * as journey from './journey.js';

const CROWDED = 50;
const ARCS = ['all', 'selected', 'none'];
const NOTHING = { record: '', text: '', spans: [], relations: [], state: { name: 'open' } };

export function create(host, options, page) {
  return new Annotator(host, options, page);
}

class Annotator {
  #texts;
  #flags = new Map();
  #going = false;
  #opening = 0;
  #depth = 0;
  #dirty = false;
  #listen = event => this.#key(event);

  constructor(host, options, page) {
    this.#texts = options.texts;
    this.parts = build(host, options.texts, () => this.graph.text.slice(Math.min(this.selection.anchor, this.selection.focus), Math.max(this.selection.anchor, this.selection.focus)));
    this.news = new News(page, () => this.#state());
    this.graph = new Graph(NOTHING);
    this.selected = null;
    this.arcs = null;
    this.listed = options.list;
    this.sheet = new Sheet(this.parts, () => this.#selectionChanged());
    this.records = new Records(options.base);
    this.queue = new SaveQueue(options.base, {
      saved: (record, operation, answer) => this.#saved(record, answer),
      refused: (record, operation, message) => this.#refusedByServer(record, operation, message),
      changed: () => this.news.tell(),
    });
    this.picker = new RelationPicker(this.parts.menu, this);
    this.choosing = new Choosing(this);
    this.suggestions = new Suggestions(this);
    this.list = new GraphList(this.parts.list, { text: (...parts) => this.text(...parts), choose: (...what) => this.choosing.choose(...what) });
    this.pointer = new Pointer(this.parts.paper, this.choosing);
    document.addEventListener('keydown', this.#listen, true);
  }

  /** Reads schema and log; answers where to begin. */
  async start() {
    const setup = await this.records.setup();
    this.schema = new Schema(setup.schema);
    this.history = new History([...setup.history, ...this.queue.all()]);
    this.sheet.start(this.schema, () => this.changed());
    this.news.tell({ progress: setup.progress });
    this.queue.flush();
    return setup.first;
  }

  dispose() {
    document.removeEventListener('keydown', this.#listen, true);
    this.sheet.dispose();
    this.queue.close();
    this.news.close();
  }

  async open(id) {
    if (this.graph.record === id && this.shown)
      return;
    const mine = ++this.#opening;
    let view;
    try {
      view = await this.records.open(id);
    } catch (failure) {
      this.news.tell({ failure: failure.message });
      return;
    }
    if (mine !== this.#opening)
      return;
    this.show(view);
    this.parts.text.focus({ preventScroll: true });
    journey.readAhead(this, id);
  }

  press(key) {
    this.batch(() => this.#run(key, true));
  }

  mark(type) {
    this.batch(() => markAs(this, type));
  }

  skip(reason) {
    this.batch(() => journey.finish(this, 'skipped', reason));
  }

  /** What somebody else did. */
  remote(record, operation) {
    return journey.remote(this, record, operation);
  }

  refresh() {
    return journey.reload(this);
  }

  /** Asks rules and other records, or the adapter of a run. */
  suggest(run) {
    return journey.suggest(this, run);
  }

  /** Reads typed texts into the graph; answers what is wrong with them. */
  type(texts) {
    return journey.type(this, texts);
  }

  // What commands and picks use.

  text(key, ...parts) {
    return (this.#texts[key] ?? key).replace(/\{(\d)\}/g, (_, i) => parts[i] ?? '');
  }

  get passage() {
    return this.sheet.passage;
  }

  get selection() {
    return this.sheet.selection;
  }

  get chosenSpan() {
    return this.selected?.kind === 'span' ? this.graph.spans.get(this.selected.id) : undefined;
  }

  get chosenRelation() {
    return this.selected?.kind === 'relation' ? this.graph.relations.get(this.selected.id) : undefined;
  }

  sayRelation(relation) {
    return [this.graph.words(this.graph.spans.get(relation.head)), relation.type, this.graph.words(this.graph.spans.get(relation.tail))];
  }

  say(key, ...parts) {
    this.parts.say(this.text(key, ...parts), false);
  }

  refuse([key, ...parts]) {
    this.parts.say(this.text(key, ...parts), true);
  }

  /** Does something here at once, and on the server as soon as it answers. */
  perform(operation, key, ...parts) {
    if (!this.graph.apply(operation)) {
      this.refuse(['changedElsewhere']);
      return false;
    }
    this.history.add(this.graph.record, operation);
    this.records.forget(this.graph.record);
    this.queue.add(this.graph.record, operation);
    if (key)
      this.say(key, ...parts);
    this.changed();
    return true;
  }

  relate(head, tail, type) {
    const operation = edits.relate(head, tail, type);
    if (this.perform(operation, 'related', this.graph.words(head), type, this.graph.words(tail))) {
      this.lastHead = head.id;
      this.select('relation', operation.relations[0].after.id);
    }
  }

  retype(relation, type) {
    if (relation.type !== type)
      this.perform(edits.retypeRelation(relation, type), 'related', ...this.sayRelation({ ...relation, type }));
  }

  select(kind, id, reveal = false) {
    this.selected = kind ? { kind, id } : null;
    this.relationsAbout = null;
    const span = this.chosenSpan ?? this.graph.spans.get(this.chosenRelation?.head);
    if (span && reveal) {
      this.sheet.reveal(span);
      if (kind === 'span')
        this.say('chosenSpan', this.graph.words(span), span.type || this.text('untyped'), this.graph.relationsOf(span.id).length);
      else
        this.say('chosenRelation', ...this.sayRelation(this.chosenRelation));
    }
    this.changed();
  }

  visible(span) {
    return this.listed || this.sheet.visible(span);
  }

  place(menu, span) {
    this.sheet.place(menu, span);
  }

  /** Paints at once, or once at the end of a batch. */
  changed() {
    this.#dirty = true;
    if (this.#depth === 0)
      this.#paint();
  }

  batch(work) {
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
      if (this.#depth === 0 && this.#dirty)
        this.#paint();
    }
  }

  cycleArcs() {
    this.arcs = ARCS[(ARCS.indexOf(this.arcsShown) + 1) % ARCS.length];
    this.say(`arcs-${this.arcs}`);
    this.changed();
  }

  toggleList() {
    this.listed = !this.listed;
    this.say(this.listed ? 'listOn' : 'listOff');
    this.changed();
  }

  toggleWords() {
    this.selection.words = !this.selection.words;
    this.say(this.selection.words ? 'wordsOn' : 'wordsOff');
    this.changed();
  }

  askSkip() {
    this.news.tell({ asksSkip: true });
  }

  get arcsShown() {
    return this.arcs ?? (this.graph.relations.size > CROWDED ? 'selected' : 'all');
  }

  #key(event) {
    const key = this.shown && keyName(event);
    if (!key || event.target.closest?.('[role=dialog], .wb-help, .wb-annotate-foreign'))
      return;
    // "g" and a letter go to another page; the shell does that.
    if (this.#going || key === 'g') {
      this.#going = !this.#going && key === 'g';
      return;
    }
    if ((key === 'Enter' || key === ' ') && event.target.closest?.('a, button, summary, [role=button]'))
      return;
    if (!this.batch(() => this.#run(key, this.parts.paper.contains(event.target) || event.target === document.body)))
      return;
    event.preventDefault();
    event.stopPropagation();
  }

  #run(key, inText) {
    this.selection.sync();
    this.parts.calm();
    return (this.picker.active && this.picker.key(key, this.sheet.badges(this.picker))) || run(this, key, inText);
  }

  #selectionChanged() {
    const range = this.selection.range;
    if (range && this.selected)
      this.select(null);
    this.parts.text.classList.toggle('wb-has-range', this.selection.anchor !== this.selection.focus);
    this.parts.describe(range ? this.text('selectedWords', this.graph.text.slice(...range)) : '');
  }

  /** Shows a record as the server has it, with what still waits here. */
  show(view) {
    const moved = view.record !== this.graph.record;
    this.shown = view;
    this.graph = new Graph(view);
    for (const operation of this.queue.of(view.record))
      this.graph.apply(operation);
    if (moved) {
      this.selected = this.lastHead = null;
      this.picker.cancel(false);
      this.suggestions.clear();
      this.parts.say('', false);
    }
    this.#takeTexts(view.texts);
    this.sheet.show(this.graph, view.longClusters, moved);
    this.news.tell({ texts: view.texts, view: { record: view.record, number: view.number, total: view.total, split: view.split } });
  }

  #takeTexts(texts) {
    this.shown.texts = texts;
    this.#flags = new Map(texts.flags.map(flag => [flag.id, flag.message]));
  }

  #paint() {
    this.#dirty = false;
    if (!this.shown)
      return;
    if (this.selected && !this.chosenSpan && !this.chosenRelation)
      this.selected = null;
    const { graph, selected, arcsShown } = this;
    const relations = [...graph.relations.values()].filter(relation => arcsShown === 'all' || selected?.id === relation.id
      || (arcsShown === 'selected' && selected && (relation.head === selected.id || relation.tail === selected.id)));
    const look = { selected, relations, badges: this.sheet.badges(this.picker), lit: this.picker.lit, flags: this.#flags, suggested: this.suggestions.look() };
    this.sheet.paint(look);
    this.parts.list.hidden = !this.listed;
    if (this.listed)
      this.list.show(graph, this.schema, look);
    this.news.tell();
  }

  #saved(record, answer) {
    if (answer.progress)
      this.news.tell({ progress: answer.progress });
    if (record !== this.graph.record)
      return;
    this.#takeTexts(answer.texts);
    this.news.tell({ texts: answer.texts });
    this.changed();
  }

  async #refusedByServer(record, operation, message) {
    this.history.drop(operation.id);
    this.news.tell({ refused: message });
    if (record === this.graph.record)
      await journey.reload(this);
  }

  #state() {
    return {
      state: this.graph.state, pending: this.queue.pending, offline: this.queue.offline, canUndo: this.history?.canUndo ?? false,
      canRedo: this.history?.canRedo ?? false, spans: this.graph.spans.size, relations: this.graph.relations.size, arcs: this.arcsShown,
      list: this.listed, words: this.selection.words, picking: this.picker.step, suggested: this.suggestions.count,
    };
  }
}
