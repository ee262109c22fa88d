// What every key does when nothing is being picked. A command answers false when the key is not for it.

import * as edits from './edits.js';
import * as journey from './journey.js';

const MOVES = /^(Shift\+)?(ArrowLeft|ArrowRight|ArrowUp|ArrowDown|Home|End)$|^Ctrl\+(Shift\+)?(ArrowLeft|ArrowRight|Home|End)$/;

export function run(view, key, inText) {
  if (MOVES.test(key)) {
    if (!inText)
      return false;
    if (view.selected)
      view.select(null);
    view.selection.move(key.split('+').at(-1), key.includes('Shift+'), key.includes('Ctrl+'));
    return true;
  }
  const command = COMMANDS[key];
  if (command)
    return command(view) !== false;
  const type = view.schema.entityOfKey(key);
  if (!type)
    return false;
  markAs(view, type.name);
  return true;
}

/** Gives the selected words, or the chosen entity, a type. */
export function markAs(view, type) {
  const { graph, schema } = view;
  const range = view.selection.range;
  const chosen = view.chosenSpan;
  if (!range && !chosen) {
    view.refuse(['nothingSelected']);
    return;
  }
  if (range) {
    const refusal = edits.markRefusal(graph, ...range, type);
    if (refusal) {
      view.refuse(refusal);
      return;
    }
    const operation = edits.mark(...range, type);
    if (view.perform(operation, 'marked', graph.text.slice(...range), type)) {
      view.selection.set(range[1], range[1], false);
      view.select('span', operation.spans[0].after.id);
    }
    return;
  }
  if (chosen.type === type)
    return;
  const refusal = edits.retypeRefusal(graph, schema, chosen, type);
  if (refusal)
    view.refuse(refusal);
  else
    view.perform(edits.retype(chosen, type), 'retyped', graph.words(chosen), type);
}

function remove(view) {
  const { graph } = view;
  const [span, relation] = [view.chosenSpan, view.chosenRelation];
  if (relation) {
    view.perform(edits.removeRelation(relation), 'relationRemoved', ...view.sayRelation(relation));
    view.select(null);
  } else if (span) {
    const count = graph.relationsOf(span.id).length;
    view.perform(edits.removeSpan(graph, span), count > 0 ? 'removedWith' : 'removed', graph.words(span), count);
    view.select(null);
  } else {
    view.refuse(['nothingChosen']);
  }
}

function reverse(view) {
  const relation = view.chosenRelation;
  if (!relation) {
    view.refuse(['noRelationChosen']);
    return;
  }
  const operation = edits.reverse(view.graph, view.schema, relation);
  if (operation)
    view.perform(operation, 'reversed', ...view.sayRelation(operation.relations[0].after));
  else
    view.refuse(['cannotReverse', relation.type]);
}

function stepSpan(view, by) {
  const order = view.graph.ordered();
  if (order.length === 0) {
    view.refuse(['nothingMarked']);
    return;
  }
  const at = order.findIndex(span => span.id === view.chosenSpan?.id);
  const caret = view.selection.focus;
  const next = at >= 0 ? order[(at + by + order.length) % order.length]
    : by > 0 ? order.find(span => span.start >= caret) ?? order[0] : order.findLast(span => span.start < caret) ?? order.at(-1);
  view.select('span', next.id, true);
}

function stepRelation(view) {
  const { graph } = view;
  const about = view.chosenSpan?.id ?? view.relationsAbout;
  const list = about && graph.spans.has(about) ? graph.relationsOf(about) : [...graph.relations.values()];
  if (list.length === 0) {
    view.refuse(['noRelations']);
    return;
  }
  const at = list.findIndex(relation => relation.id === view.chosenRelation?.id);
  view.select('relation', list[(at + 1) % list.length].id, true);
  view.relationsAbout = about;
}

function follow(view, end) {
  const relation = view.chosenRelation;
  if (relation)
    view.select('span', relation[end], true);
  else
    view.refuse(['noRelationChosen']);
}

function change(view) {
  if (view.chosenRelation)
    view.picker.change(view.chosenRelation);
  else
    view.refuse(['noRelationChosen']);
}

function again(view) {
  const head = view.graph.spans.get(view.lastHead);
  if (head)
    view.picker.start(head);
  else
    view.refuse(['noHeadYet']);
}

function propagate(view) {
  const span = view.chosenSpan;
  if (!span?.type) {
    view.refuse(['nothingChosen']);
    return;
  }
  const operation = edits.propagate(view.graph, view.selection.characters, span);
  if (operation)
    view.perform(operation, 'propagated', operation.spans.length, view.graph.words(span));
  else
    view.refuse(['noOtherMention', view.graph.words(span)]);
}

function escape(view) {
  if (view.selected || view.selection.range) {
    view.select(null);
    view.selection.set(view.selection.focus, view.selection.focus, false);
    return true;
  }
  return false;
}

const COMMANDS = {
  r: view => view.picker.start(null),
  t: again,
  x: reverse,
  a: propagate,
  o: view => view.news.tell({ asksSuggestions: true }),
  y: view => view.suggestions.accept(),
  d: view => view.suggestions.turnDown(),
  m: view => view.suggestions.acceptSure(),
  c: change,
  e: stepRelation,
  n: view => stepSpan(view, 1),
  p: view => stepSpan(view, -1),
  '[': view => follow(view, 'head'),
  ']': view => follow(view, 'tail'),
  Delete: remove,
  Backspace: remove,
  v: view => view.cycleArcs(),
  l: view => view.toggleList(),
  w: view => view.toggleWords(),
  j: view => journey.go(view, 'next'),
  k: view => journey.go(view, 'previous'),
  Enter: view => journey.finish(view, 'done', ''),
  s: view => view.askSkip(),
  'Ctrl+z': view => void journey.reverse(view, false),
  'Ctrl+Shift+z': view => void journey.reverse(view, true),
  'Ctrl+y': view => void journey.reverse(view, true),
  Escape: escape,
};
