// Saving one item by itself: a second after typing stops, and again until the server has it.
// A lost connection, an ended session or an error keeps the words in the browser's storage.

const PAUSE = 1000;
const AGAIN = 5000;
const LARGEST_LAST_WORD = 60000;

export class Writer {
  constructor(form, rich, user, headers) {
    Object.assign(this, { form, rich, headers });
    this.item = form.closest("[data-item]").dataset.item;
    this.key = `dongtai.item.${user}.${this.item}`;
    this.state = form.querySelector(".saving-state");
    this.version = Number(form.dataset.version);
    this.base = JSON.parse(form.dataset.base);
    this.names = [...new Set([...form.elements].map((each) => each.name))].filter(
      (name) => name && !["csrfmiddlewaretoken", "version", "base", "body"].includes(name),
    );
    this.unsaved = false;
    this.sending = null;
    form.addEventListener("input", () => this.typed());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.flush();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches(".one-line")) event.preventDefault();
    });
    rich.changed = () => this.typed();
    this.online = () => this.unsaved && this.save();
    addEventListener("online", this.online);
    addEventListener("focus", this.online);
    this.sent = this.written();
    this.find();
  }

  static forget(user, item) {
    localStorage.removeItem(`dongtai.item.${user}.${item}`);
  }

  // What stands in the form; the body as Markdown unless somebody changed it here.
  written() {
    const values = {};
    for (const name of this.names) {
      const field = this.form.elements[name];
      values[name] = field.type === "checkbox" ? field.checked : field.value;
    }
    if (this.rich.touched) values.body_html = this.rich.html;
    else values.body = this.base.body;
    return values;
  }

  typed() {
    const values = this.written();
    this.unsaved = true;
    const kept = { version: this.version, base: this.base, values };
    try {
      localStorage.setItem(this.key, JSON.stringify(kept));
    } catch {
      // A full or forbidden storage: the page itself still holds the words.
    }
    document.dispatchEvent(
      new CustomEvent("item-titled", { detail: { item: this.item, title: values.title } }),
    );
    if (this.held) return;
    this.say("waiting");
    this.later(PAUSE);
  }

  // What an earlier page could not save.
  find() {
    let kept;
    try {
      kept = JSON.parse(localStorage.getItem(this.key));
    } catch {
      return;
    }
    if (!kept) return;
    this.fill(kept.values);
    this.version = kept.version;
    this.base = kept.base;
    this.unsaved = true;
    this.say("found");
    this.later(PAUSE);
  }

  fill(values) {
    for (const name of this.names) {
      const field = this.form.elements[name];
      if (!(name in values)) continue;
      if (field.type === "checkbox") field.checked = values[name] === true;
      else field.value = values[name] ?? "";
    }
    if ("body_html" in values) this.rich.put(values.body_html, true);
  }

  later(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
  }

  // Answers whether everything is saved.
  async flush() {
    clearTimeout(this.timer);
    while (this.unsaved && !this.held) {
      if (!(await this.save())) return false;
    }
    return !this.unsaved;
  }

  leave() {
    clearTimeout(this.timer);
    removeEventListener("online", this.online);
    removeEventListener("focus", this.online);
  }

  save() {
    this.sending ??= this.send().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  async send() {
    clearTimeout(this.timer);
    const values = this.written();
    const body = this.packed(values);
    this.say("saving");
    let response;
    try {
      const keepalive = body.toString().length < LARGEST_LAST_WORD;
      response = await fetch(this.form.action, {
        method: "POST",
        headers: this.headers({ Accept: "application/json" }),
        body,
        keepalive,
      });
    } catch {
      return this.failed("lost");
    }
    if ([401, 403].includes(response.status) || response.redirected) return this.failed("ended");
    if (![200, 400, 409].includes(response.status)) return this.failed("failed");
    let answer;
    try {
      answer = await response.json();
    } catch {
      return this.failed("failed");
    }
    if (response.status === 200) return this.done(values, answer);
    return response.status === 409 ? this.differs(answer) : this.refused(answer.errors ?? {});
  }

  packed(values) {
    const body = new URLSearchParams({ version: this.version, base: JSON.stringify(this.base) });
    for (const [name, value] of Object.entries(values)) {
      if (value === true) body.set(name, "on");
      else if (value !== false && value !== null) body.set(name, value);
    }
    return body;
  }

  done(values, answer) {
    const before = this.base;
    const joined = answer.version > this.version + 1;
    this.version = answer.version;
    this.base = answer.base;
    this.errors({});
    if (joined) this.take(before, answer, values);
    if ("body_html" in values) this.rich.saved(values.body_html);
    this.form.elements.version.value = this.version;
    this.form.elements.base.value = JSON.stringify(this.base);
    document.dispatchEvent(
      new CustomEvent("issue-saved", { detail: { item: this.item, version: this.version } }),
    );
    const now = this.written();
    const same = Object.keys(now).every((name) => name.startsWith("body") || now[name] === values[name]);
    if (same && !this.rich.touched) {
      this.unsaved = false;
      localStorage.removeItem(this.key);
      this.say(joined ? "joined" : "saved", answer.at);
    } else {
      this.typed();
    }
    return true;
  }

  // Fields that only somebody else changed; `values` are what was sent.
  take(before, answer, values) {
    for (const name of this.names) {
      if (answer.base[name] === before[name]) continue;
      const field = this.form.elements[name];
      const mine = field.type === "checkbox" ? field.checked : field.value;
      if (mine !== (before[name] ?? "")) continue;
      if (field.type === "checkbox") values[name] = field.checked = answer.base[name] === true;
      else values[name] = field.value = answer.base[name] ?? "";
    }
    if (!this.rich.touched && answer.base.body !== before.body) this.rich.put(answer.html, false);
  }

  failed(state) {
    this.say(state);
    this.later(AGAIN);
    return false;
  }

  refused(errors) {
    this.errors(errors);
    this.say("refused");
    return false;
  }

  differs(answer) {
    this.held = true;
    this.say("differs");
    const place = document.getElementById("conflict");
    place.innerHTML = answer.conflict;
    place.querySelector("form:last-of-type button")?.scrollIntoView({ block: "nearest" });
    place.querySelector("h2").tabIndex = -1;
    place.querySelector("h2").focus();
    return false;
  }

  errors(found) {
    for (const old of this.form.querySelectorAll(".errorlist")) old.remove();
    for (const [name, messages] of Object.entries(found)) {
      const list = document.createElement("ul");
      list.className = "errorlist";
      for (const message of messages) list.append(Object.assign(document.createElement("li"), { textContent: message }));
      const field = this.form.elements[name];
      (field?.closest(".field") ?? this.state.parentElement).append(list);
    }
  }

  say(state, at = "") {
    const words = this.state.dataset[state];
    this.state.textContent = at ? `${words} ${at}` : words;
    this.state.dataset.state = state;
    if (state !== "ended") return;
    const link = document.createElement("a");
    Object.assign(link, { href: this.state.dataset.login, target: "_blank", textContent: this.state.dataset.signIn });
    this.state.append(" ", link);
  }
}
