// The few things that a page needs from the document itself.

export function scrollToEnd(element) {
  element.scrollTop = element.scrollHeight;
}

/** Saves a text as a file on the reader's machine. */
export function download(name, type, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(['\ufeff', text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
