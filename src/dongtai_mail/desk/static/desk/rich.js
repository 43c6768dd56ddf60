// The body as it reads, over a textarea that holds Markdown: Squire with our toolbar.
// The server cleans whatever is pasted, and turns the HTML into Markdown when it is saved.

import Squire from "../vendor/squire-2.4.8.mjs";

const KEPT = new Set("P DIV BR B STRONG I EM A H3 UL OL LI TABLE THEAD TBODY TR TH TD IMG".split(" "));
const KEPT_ATTRIBUTES = new Set(["href", "src", "alt", "title", "start", "colspan"]);
const ADDRESS = /^(https?:\/\/[^/\s]|mailto:[^\s@]+@)\S*$/i;

// Nothing but the elements of an item's body reaches the page.
function sanitized(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html").body;
  for (const each of [...parsed.querySelectorAll("*")].reverse()) {
    if (["SCRIPT", "STYLE", "TEMPLATE", "IFRAME", "OBJECT", "SVG"].includes(each.tagName.toUpperCase())) each.remove();
    else if (!KEPT.has(each.tagName)) each.replaceWith(...each.childNodes);
    else plain(each);
  }
  const fragment = document.createDocumentFragment();
  fragment.append(...[...parsed.childNodes].map((each) => document.adoptNode(each)));
  return fragment;
}

function plain(element) {
  for (const { name, value } of [...element.attributes]) {
    const address = name === "href" || name === "src";
    const bad = address && !ADDRESS.test(value);
    if (!KEPT_ATTRIBUTES.has(name) || bad) element.removeAttribute(name);
  }
}

export class Rich {
  constructor(form, clean) {
    this.form = form;
    this.clean = clean;
    this.changed = () => {};
    this.words = form.closest(".item").querySelector(".rich-words").dataset;
    this.textarea = form.elements.body;
    this.root = document.createElement("div");
    this.root.className = "rich";
    this.frame = document.createElement("div");
    this.frame.append(this.root);
    this.textarea.after(this.frame);
    this.textarea.hidden = true;
    this.editor = new Squire(this.root, {
      blockTag: "P",
      addLinks: false,
      sanitizeToDOMFragment: sanitized,
    });
    for (const [name, value] of Object.entries({ role: "textbox", "aria-multiline": "true", "aria-label": this.words.body })) {
      this.root.setAttribute(name, value);
    }
    form.querySelector(`label[for="${this.textarea.id}"]`)?.addEventListener("click", () => this.editor.focus());
    for (const key of ["Tab", "Shift-Tab"]) this.editor.setKeyHandler(key, null);
    this.put(form.querySelector(".rich-html").innerHTML, false);
    this.editor.addEventListener("input", () => this.input());
    this.frame.addEventListener("paste", (event) => this.paste(event), true);
    this.tools();
  }

  get html() {
    return this.editor.getHTML();
  }

  put(html, touched) {
    this.editor.setHTML(html);
    this.settled = touched ? null : this.html;
    this.touched = touched;
  }

  saved(html) {
    this.settled = html;
    this.touched = this.html !== html;
  }

  input() {
    const touched = this.html !== this.settled;
    if (!touched && !this.touched) return;
    this.touched = touched;
    this.changed();
  }

  async paste(event) {
    const html = event.clipboardData?.getData("text/html");
    if (!html) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const text = event.clipboardData.getData("text/plain");
    try {
      const response = await this.clean(html);
      if (!response.ok) throw new Error(response.statusText);
      this.editor.insertHTML(await response.text());
    } catch {
      this.editor.insertPlainText(text, true);
    }
  }

  tools() {
    const bar = this.form.querySelector(".tools-rich");
    bar.hidden = false;
    const buttons = [...bar.querySelectorAll("button")];
    buttons.forEach((each, at) => {
      each.tabIndex = at ? -1 : 0;
    });
    bar.addEventListener("mousedown", (event) => event.preventDefault());
    bar.addEventListener("click", (event) => {
      const name = event.target.closest("button")?.dataset.do;
      if (name) this[name]();
    });
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const next = step && buttons[buttons.indexOf(document.activeElement) + step];
      if (next) next.focus();
    });
    const pressed = (name, on) => bar.querySelector(`[data-do="${name}"]`).setAttribute("aria-pressed", String(on));
    this.editor.addEventListener("pathChange", () => {
      pressed("bold", this.editor.hasFormat("B"));
      pressed("heading", this.editor.hasFormat("H3"));
      pressed("bullets", this.editor.hasFormat("UL"));
      pressed("numbers", this.editor.hasFormat("OL"));
    });
  }

  bold() {
    if (this.editor.hasFormat("B")) this.editor.removeBold();
    else this.editor.bold();
    this.editor.focus();
  }

  heading() {
    const goal = this.editor.hasFormat("H3") ? "P" : "H3";
    this.editor.modifyBlocks((fragment) => {
      for (const block of [...fragment.children].filter((each) => /^(P|DIV|H3)$/.test(each.tagName))) {
        const made = document.createElement(goal);
        made.append(...block.childNodes);
        block.replaceWith(made);
      }
      return fragment;
    });
    this.editor.focus();
  }

  bullets() {
    if (this.editor.hasFormat("UL")) this.editor.removeList();
    else this.editor.makeUnorderedList();
  }

  numbers() {
    if (this.editor.hasFormat("OL")) this.editor.removeList();
    else this.editor.makeOrderedList();
  }

  undo() {
    this.editor.undo();
  }

  redo() {
    this.editor.redo();
  }

  table() {
    this.ask([["table", "3×2"]], ([size]) => {
      const [columns, rows] = (size.match(/\d+/g) ?? []).map(Number);
      if (!columns || !rows || columns > 20 || rows > 100) return this.words.table;
      const row = (tag) => `<tr>${`<${tag}><br></${tag}>`.repeat(columns)}</tr>`;
      this.editor.insertHTML(`<table><tbody>${row("th")}${row("td").repeat(rows - 1)}</tbody></table><p><br></p>`);
      return "";
    });
  }

  link() {
    const known = this.editor.hasFormat("A") ? "" : "https://";
    this.ask([["link", known]], ([address]) => {
      if (!address) {
        this.editor.removeLink();
        return "";
      }
      if (!ADDRESS.test(address)) return this.words.address;
      this.editor.makeLink(address);
      return "";
    });
  }

  image() {
    this.ask([["image", "https://"], ["alt", ""]], ([address, alt]) => {
      if (!/^https:\/\/\S+$/.test(address)) return this.words.address;
      const image = Object.assign(document.createElement("img"), { src: address, alt });
      const holder = document.createElement("p");
      holder.append(image);
      this.editor.insertHTML(holder.outerHTML);
      return "";
    });
  }

  // A line of fields under the toolbar; `act` answers what is wrong, or nothing.
  ask(fields, act) {
    const place = this.form.querySelector(".rich-ask");
    const inputs = fields.map(([name, value]) => this.field(name, value));
    const wrong = Object.assign(document.createElement("p"), { className: "errorlist" });
    const button = (text, press) => {
      const made = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: text });
      made.addEventListener("click", press);
      return made;
    };
    const close = () => {
      place.hidden = true;
      place.replaceChildren();
      this.editor.focus();
    };
    const finish = () => {
      wrong.textContent = act(inputs.map((each) => each.value.trim()));
      if (!wrong.textContent) close();
      this.input();
    };
    place.replaceChildren(...inputs.map((each) => each.parentElement), button(this.words.insert, finish), button(this.words.cancel, close), wrong);
    place.hidden = false;
    place.onkeydown = (event) => {
      if (event.key === "Escape") close();
      if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
      event.preventDefault();
      finish();
    };
    place.oninput = (event) => event.stopPropagation();
    inputs[0].focus();
  }

  field(name, value) {
    const label = Object.assign(document.createElement("label"), { textContent: this.words[name] });
    const input = Object.assign(document.createElement("input"), { type: "text", value });
    label.append(input);
    return input;
  }
}
