// From one record to another: done, skipped, next, and back along everything that was done, in whatever record it was.

import { inverse } from './graph.js';
import * as edits from './edits.js';

export function go(view, where) {
  const id = view.shown?.[where];
  if (id)
    view.news.tell({ goTo: id });
  else
    view.refuse([where === 'previous' ? 'noPrevious' : 'noNext']);
}

export function finish(view, name, reason) {
  const { graph } = view;
  if (graph.state.name !== name || graph.state.reason !== reason)
    view.perform(edits.setState(graph, name, reason), name);
  const next = view.shown.nextOpen;
  if (next && next !== graph.record)
    view.news.tell({ goTo: next });
  else
    view.say('allDone');
}

export async function reverse(view, redo) {
  const step = view.history.next(redo);
  if (!step) {
    view.refuse([redo ? 'nothingToRedo' : 'nothingToUndo']);
    return;
  }
  if (step.record !== view.graph.record) {
    await view.open(step.record);
    if (step.record !== view.graph.record)
      return;
    view.news.tell({ goTo: step.record });
  }
  view.picker.cancel(false);
  const operation = inverse(step.operation);
  if (!view.perform(operation, redo ? 'redone' : 'undone', view.text(`kind-${view.history.kindOf(step.operation)}`)))
    view.history.drop(step.operation.id);
  // The places of longer characters in another text come from the server.
  if (operation.texts)
    await reload(view);
  view.changed();
}

/** Shows what rules and other records suggest, or the adapter of a run. */
export async function suggest(view, run) {
  const record = view.graph.record;
  view.say(run ? 'askingRun' : 'asking');
  await view.queue.flush();
  if (view.queue.pending > 0) {
    view.refuse(['offlineTyping']);
    return;
  }
  let found;
  try {
    found = await view.records.suggest(record, run);
  } catch (failure) {
    view.news.tell({ refused: failure.message });
    view.say('asked', 0);
    return;
  }
  if (record !== view.graph.record)
    return;
  view.suggestions.show(found);
  view.say(view.suggestions.count > 0 ? 'asked' : 'askedNothing', view.suggestions.count);
  view.changed();
}

/** Reads typed texts into the graph; answers what is wrong with them. */
export async function type(view, texts) {
  await view.queue.flush();
  if (view.queue.pending > 0)
    return [{ field: 'output', column: null, message: view.text('offlineTyping') }];
  const record = view.graph.record;
  const reading = await view.records.read(record, texts);
  if (record === view.graph.record && reading.operation) {
    const passage = view.graph.text;
    if (view.perform(reading.operation, 'textsRead') && view.graph.text !== passage) {
      view.shown.longClusters = reading.longClusters;
      view.sheet.show(view.graph, reading.longClusters, false);
    }
  }
  return reading.problems;
}

/** Brings in what somebody else did; what is one's own is known. */
export async function remote(view, record, operation) {
  if (view.history.knows(operation.id))
    return;
  view.records.forget(record);
  if (record !== view.graph.record)
    return;
  // The record's texts, and how it goes together with what waits here, are the server's to say.
  await reload(view);
  view.say('othersDid', view.text(`kind-${operation.kind === 'undo' ? 'delete' : operation.kind}`));
  view.changed();
}

/** The record as the server has it now, with everything that was done here while it was read. */
export async function reload(view) {
  const id = view.graph.record;
  try {
    for (let done = -1; done !== view.history.length;) {
      await view.queue.flush();
      done = view.history.length;
      const fresh = await view.records.fresh(id);
      if (id !== view.graph.record)
        return;
      if (done === view.history.length)
        view.show(fresh);
    }
  } catch (failure) {
    view.news.tell({ failure: failure.message });
  }
}

/** Reads the records that are likely to come next; what was itself read ahead knows its neighbours as they were then. */
export async function readAhead(view, id) {
  try {
    const { previous, next, nextOpen } = await view.records.fresh(id);
    if (id !== view.graph.record)
      return;
    Object.assign(view.shown, { previous, next, nextOpen });
  } catch (away) {
    console.info('The neighbours of this record could not be read.', away.message);
    return;
  }
  await view.records.prepare([view.shown.next, view.shown.nextOpen, view.shown.previous]);
}
