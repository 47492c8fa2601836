"use strict";
// Steps through a witness. All text goes in through textContent; nothing is fetched.
(() => {
  const DELAY = 700; // milliseconds a step is shown while playing

  const make = (tag, props = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (name === "class") node.className = value;
      else if (name === "text") node.textContent = value;
      else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };

  // The reference model has no lines of C.
  const where = (path, line) => (line ? `${path}:${line}` : path);

  const hex = (number) => "0x" + number.toString(16);

  // The memory after `count` steps: for each page the run it was last described by.
  const stateAt = (data, size, count) => {
    const pages = new Array(size).fill(null);
    const lay = ([first, length, kind, counters]) => {
      const look = { kind: data.kinds[kind], counters: counters.map(([n, v]) => [data.strings[n], v]) };
      look.key = look.kind + JSON.stringify(look.counters);
      for (let i = first; i < first + length && i < size; i++) pages[i] = look;
    };
    data.pages.forEach(lay);
    data.steps.slice(0, count).forEach((step) => step.after.forEach(lay));
    return pages;
  };

  const toRuns = (pages) => {
    const runs = [];
    pages.forEach((look, index) => {
      const last = runs[runs.length - 1];
      if (look === null) return;
      if (last && last.look.key === look.key && last.first + last.count === index) last.count++;
      else runs.push({ first: index, count: 1, look });
    });
    return runs;
  };

  const span = (run) => (run.count === 1 ? `page[${run.first}]` : `page[${run.first}] to page[${run.first + run.count - 1}]`);

  class Player {
    constructor(root, data) {
      this.root = root;
      this.data = data;
      this.count = data.steps.length;
      this.at = 0;
      this.timer = 0;
      const ends = [...data.pages, ...data.steps.flatMap((s) => s.after)].map((r) => r[0] + r[1]);
      this.size = Math.min(Math.max(0, ...ends), 4096);
      this.sources = new Map(data.sources.map((s) => [data.strings[s.path] + " " + data.strings[s.function], s]));
      this.build();
      this.show(0);
    }

    build() {
      const box = make("section", { class: "player-box", "aria-label": this.root.dataset.label });
      this.box = box;
      const button = (label, text, action) => {
        const node = make("button", { type: "button", "aria-label": label, title: label, text });
        node.addEventListener("click", action);
        return node;
      };
      this.buttons = {
        first: button("First step", "|<", () => this.go(0)),
        back: button("Step back", "<", () => this.go(this.at - 1)),
        play: button("Play", "Play", () => this.toggle()),
        next: button("Step forward", ">", () => this.go(this.at + 1)),
        last: button("Failing step", ">|", () => this.go(this.count)),
        key: button("Next step that matters", "Next key step", () => this.go(this.nextKey())),
      };
      this.slider = make("input", { type: "range", min: 0, max: this.count, step: 1, value: 0, "aria-label": "Step" });
      this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
      this.now = make("p", { class: "now", role: "status" });
      box.append(make("div", { class: "controls" }, ...Object.values(this.buttons), this.slider), this.now);
      this.buildCpus(box);
      if (this.size) this.buildMemory(box);
      const hint = make("p", { class: "hint" });
      [["\u2190", "back "], ["\u2192", "forward "], ["Home", "first "], ["End", "failing step "], ["k", "next key step "], ["p", "play"]]
        .forEach(([key, what]) => hint.append(make("kbd", { text: key }), ` ${what}`));
      box.append(hint);
      box.addEventListener("keydown", (event) => this.key(event));
      this.root.append(box);
    }

    buildCpus(box) {
      const row = make("div", { class: "cpus" });
      this.cpus = this.data.cpus.map((name, number) => {
        const cpu = {
          at: make("p", { class: "at", text: "not started" }),
          source: make("pre", { tabindex: "0", role: "region", "aria-label": `Source on CPU ${number}` }),
          log: make("ol", { "aria-label": `Last steps of CPU ${number}` }),
          shown: null,
        };
        cpu.box = make("div", { class: "cpu", "data-cpu": number }, make("h5", { text: this.data.strings[name] }), cpu.at);
        if (this.hasSource(number)) cpu.box.append(cpu.source);
        cpu.box.append(cpu.log);
        row.append(cpu.box);
        return cpu;
      });
      box.append(row);
    }

    hasSource(number) {
      const text = this.data.strings;
      return this.data.steps.some((s) => s.cpu === number && this.sources.has(text[s.path] + " " + text[s.function]));
    }

    buildMemory(box) {
      this.grid = make("div", { class: "grid", role: "img" });
      this.cells = Array.from({ length: this.size }, (_, i) => make("div", { class: "cell", "data-page": i }));
      this.grid.append(...this.cells);
      const legend = make("ul", { class: "legend" });
      this.data.kinds.forEach((kind) => legend.append(make("li", {}, make("span", { class: `cell ${kind}` }), kind)));
      legend.append(make("li", {}, make("span", { class: "cell order0 touched" }), "\u00a0touched now"));
      this.rows = make("tbody");
      const table = make("table", { class: "runs" },
        make("thead", {}, make("tr", {}, make("th", { scope: "col", text: "Pages" }), make("th", { scope: "col", text: "Are" }), make("th", { scope: "col", text: "Counters as stored" }))),
        this.rows);
      box.append(make("div", { class: "memory" },
        make("div", {}, make("h5", { text: `${this.size} struct pages from pfn ${hex(this.data.first_pfn)}` }), this.grid, legend),
        make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Page states" }, table)));
    }

    key(event) {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const moves = {
        ArrowLeft: () => this.at - 1, ArrowRight: () => this.at + 1, Home: () => 0, End: () => this.count, k: () => this.nextKey(),
      };
      if (event.key === "p") this.toggle();
      else if (event.key in moves) this.go(moves[event.key]());
      else return;
      event.preventDefault();
    }

    nextKey() {
      return this.data.key.find((step) => step > this.at) ?? this.count;
    }

    go(step) {
      this.stop();
      this.show(Math.max(0, Math.min(this.count, step)));
    }

    toggle() {
      if (this.timer) { this.stop(); return; }
      if (this.at === this.count) this.show(0);
      this.buttons.play.textContent = "Pause";
      this.buttons.play.setAttribute("aria-label", "Pause");
      this.timer = setInterval(() => {
        this.show(this.at + 1);
        if (this.at === this.count) this.stop();
      }, DELAY);
    }

    stop() {
      clearInterval(this.timer);
      this.timer = 0;
      this.buttons.play.textContent = "Play";
      this.buttons.play.setAttribute("aria-label", "Play");
    }

    show(step) {
      this.at = step;
      const current = step ? this.data.steps[step - 1] : null;
      this.slider.value = step;
      const said = this.describe(step, current);
      this.slider.setAttribute("aria-valuetext", said);
      this.now.textContent = said;
      this.now.classList.toggle("failed", step === this.count);
      this.box.dataset.step = step;
      this.box.dataset.steps = this.count;
      for (const name of ["first", "back"]) this.buttons[name].disabled = step === 0;
      for (const name of ["next", "last", "key"]) this.buttons[name].disabled = step === this.count;
      if (document.activeElement === document.body && this.held) this.slider.focus();
      this.held = this.box.contains(document.activeElement);
      this.cpus.forEach((cpu, number) => this.showCpu(cpu, number, current));
      if (this.size) this.showMemory(current);
    }

    describe(step, current) {
      if (!current) return `Before the first of ${this.count} steps.`;
      const text = this.data.strings;
      const end = step === this.count && text[this.data.ending] ? ` - ${text[this.data.ending]}` : "";
      return `Step ${step} of ${this.count}, CPU ${current.cpu}, ${text[current.function]}(), ${where(text[current.path], current.line)}: ${text[current.text]}${end}`;
    }

    showCpu(cpu, number, current) {
      const text = this.data.strings;
      const mine = this.data.steps.slice(0, this.at).filter((s) => s.cpu === number);
      const last = mine[mine.length - 1];
      cpu.box.classList.toggle("running", current !== null && current.cpu === number);
      cpu.at.textContent = last ? `${text[last.function]}(), ${where(text[last.path], last.line)}` : "not started";
      cpu.log.replaceChildren(...mine.slice(-4).map((s) => make("li", { class: s === last ? "current" : "", text: text[s.text], title: text[s.text] })));
      this.showSource(cpu, last);
    }

    showSource(cpu, last) {
      const source = last && this.sources.get(this.data.strings[last.path] + " " + this.data.strings[last.function]);
      if (cpu.shown !== source) {
        const lines = source ? this.data.strings[source.text].replace(/\n$/, "").split("\n") : [];
        cpu.source.replaceChildren(...lines.map((line) => make("span", { class: "line", text: line + "\n" })));
        cpu.shown = source;
      }
      cpu.source.classList.toggle("none", !source);
      if (!source) { cpu.source.textContent = last ? "(source not carried)" : ""; return; }
      [...cpu.source.children].forEach((line, index) => {
        const here = source.line + index === last.line;
        line.classList.toggle("current", here);
        if (here) cpu.source.scrollTop = line.offsetTop - cpu.source.offsetTop - cpu.source.clientHeight / 2;
      });
    }

    showMemory(current) {
      const pages = stateAt(this.data, this.size, this.at);
      const touched = current ? current.page : -1;
      this.cells.forEach((cell, index) => {
        const look = pages[index];
        const name = `cell ${look ? look.kind : "unknown"}${index === touched ? " touched" : ""}`;
        if (cell.className !== name) cell.className = name;
      });
      const runs = toRuns(pages);
      this.grid.setAttribute("aria-label", runs.map((run) => `${span(run)}: ${run.look.kind}`).join("; "));
      this.rows.replaceChildren(...runs.map((run) => make("tr", {
        "data-first": run.first, "data-count": run.count, "data-kind": run.look.kind, "data-counters": JSON.stringify(run.look.counters),
        class: touched >= run.first && touched < run.first + run.count ? "touched" : "",
      },
      make("th", { scope: "row", text: span(run) }),
      make("td", { text: run.look.kind }),
      make("td", { text: run.look.counters.map(([n, v]) => `${n} ${v}`).join(", ") }))));
    }
  }

  const start = (root) => {
    if (root.childElementCount) return;
    const block = document.getElementById(root.dataset.replay);
    if (block) new Player(root, JSON.parse(block.textContent));
  };

  // A player is some 600 nodes: it is made when it comes into view, so that 200 findings open at once.
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watch.unobserve(entry.target);
      start(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll(".player").forEach((root) => {
    root.classList.add("ready");
    watch.observe(root);
  });
})();
