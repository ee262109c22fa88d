// A chart from the keyboard: arrows move the cursor, plus and minus zoom, 0 shows everything, Escape steps back.

export function bindKeys(element, chart) {
  const pressed = event => {
    if (event.ctrlKey || event.metaKey || event.altKey || !act(event, chart))
      return;
    event.preventDefault();
    event.stopPropagation();
  };
  const left = () => chart.setCursor(null);
  element.addEventListener('keydown', pressed);
  element.addEventListener('blur', left);
  return () => {
    element.removeEventListener('keydown', pressed);
    element.removeEventListener('blur', left);
  };
}

function act(event, chart) {
  const stride = event.shiftKey ? 10 : 1;
  switch (event.key) {
    case 'ArrowLeft':
      chart.stepCursor(-stride);
      return true;
    case 'ArrowRight':
      chart.stepCursor(stride);
      return true;
    case 'PageUp':
      chart.panBy(-0.8);
      return true;
    case 'PageDown':
      chart.panBy(0.8);
      return true;
    case 'Home':
      chart.setCursor(chart.range().min);
      return true;
    case 'End':
      chart.setCursor(chart.range().max);
      return true;
    case '+':
    case '=':
      chart.zoomBy(0.5);
      return true;
    case '-':
    case '_':
      chart.zoomBy(2);
      return true;
    case '0':
      chart.zoomTo(null);
      return true;
    case 'Escape':
      if (chart.cursorX === null && !chart.view)
        return false;
      if (chart.cursorX !== null)
        chart.setCursor(null);
      else
        chart.zoomTo(null);
      return true;
    default:
      return false;
  }
}
