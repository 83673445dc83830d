// The error summary takes the focus, so that it is the first thing read.

export default function focus(element) {
  element.focus();
}
