// Builds elements.  Whatever the cluster says goes in as text or as an attribute's value, never as markup.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Touches the page only where the text differs, so that a screen reader hears changes and nothing else. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes `parent` hold one child an item, in this order; what is there already is updated and kept. */
export function keep(parent, items, key, make, update) {
  const left = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = left.get(name);
    left.delete(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
    }
    update(child, item);
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
  for (const gone of left.values()) gone.remove();
}

export function table(label, columns) {
  const body = h("tbody");
  const head = h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name))));
  return { body, element: h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, h("table", {}, head, body)) };
}

/** Cells of a row as texts; a link where the cell is [text, address]. */
export function row(cells) {
  return h("tr", {}, cells.map((cell) => h("td", {}, Array.isArray(cell) ? h("a", { href: cell[1] }, cell[0]) : cell)));
}
