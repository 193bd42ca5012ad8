"use strict";
/* global DEFINITIONS: assets/definitions.js */
// Tables that sort, filter and page, with their state in the URL's hash; definitions on hover and focus; videos in step.
// Nothing is fetched: the rows are in the page.

(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- The hash: #section?table.key=value&... . A plain #section leaves the tables as they are.
  const readHash = () => {
    const [anchor, query] = decodeHash(location.hash.slice(1));
    return { anchor, params: query === null ? null : new URLSearchParams(query) };
  };
  const decodeHash = text => {
    const cut = text.indexOf("?");
    return cut < 0 ? [text, null] : [text.slice(0, cut), text.slice(cut + 1)];
  };
  const tables = new Map();
  const writeHash = section => {
    const params = new URLSearchParams();
    for (const [name, table] of tables) for (const [key, value] of Object.entries(table.state)) if (value) params.set(`${name}.${key}`, value);
    const query = params.toString();
    const anchor = readHash().anchor || (query ? section : "");
    const hash = anchor || query ? `#${anchor}${query ? `?${query}` : ""}` : "";
    history.replaceState(null, "", location.href.split("#")[0] + hash);
  };

  // --- Tables
  const valueOf = cell => {
    if (!cell) return null;
    let text = cell.dataset.v;
    if (text === undefined) text = (cell.classList.contains("r") ? cell.lastChild.textContent : cell.textContent).trim();
    if (text === "" || text === "–") return null;
    const number = Number(text.replace(/,/g, ""));
    return Number.isNaN(number) ? text.toLowerCase() : number;
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };

  class Table {
    constructor(element) {
      this.element = element;
      this.name = element.dataset.table;
      this.size = Number(element.dataset.size || 0);
      this.body = element.tBodies[0];
      this.rows = [...this.body.rows];
      this.buttons = all("th button[data-key]", element);
      this.section = element.closest("section")?.id || "";
      this.form = document.querySelector(`form.controls[data-for="${this.name}"]`);
      this.pager = document.querySelector(`nav.pager[data-for="${this.name}"]`);
      this.state = {};
      this.buttons.forEach(button => button.addEventListener("click", () => this.sortBy(button.dataset.key)));
      if (this.form) this.wireForm();
      if (this.pager) this.wirePager();
      element.classList.add("ready");
    }

    wireForm() {
      this.form.hidden = false;
      this.output = this.form.querySelector("output");
      this.form.addEventListener("submit", event => event.preventDefault());
      this.form.addEventListener("input", event => {
        this.set({ [event.target.name]: event.target.value, page: "" });
      });
      this.form.addEventListener("reset", event => {
        event.preventDefault();
        this.set({ ...Object.fromEntries(Object.keys(this.state).filter(key => key !== "sort").map(key => [key, ""])) });
        (this.form.querySelector("input, select") || this.element).focus();
      });
    }

    wirePager() {
      const button = (text, step) => {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = text;
        made.addEventListener("click", () => {
          this.set({ page: String(this.page + step) });
          if (this.element.getBoundingClientRect().top < 0) this.element.scrollIntoView();
        });
        return made;
      };
      this.previous = button("← Previous", -1);
      this.next = button("Next →", 1);
      this.where = document.createElement("span");
      this.pager.append(this.previous, this.where, this.next);
    }

    // The first click on a heading sorts numbers from high to low and names from a to z, the next one turns it round.
    sortBy(key) {
      const down = this.isNumber(key) ? `-${key}` : key, up = this.isNumber(key) ? key : `-${key}`;
      this.set({ sort: this.state.sort === down ? up : down, page: "" });
    }

    column(key) {
      const button = this.buttons.find(one => one.dataset.key === key);
      return button ? button.closest("th").cellIndex : -1;
    }

    isNumber(key) {
      const column = this.column(key);
      const first = this.rows.map(row => valueOf(row.cells[column])).find(value => value !== null);
      return typeof first === "number";
    }

    set(changes) {
      this.state = { ...this.state, ...changes };
      this.show();
      writeHash(this.section);
    }

    load(params) {
      const own = [...params].filter(([key]) => key.startsWith(`${this.name}.`));
      this.state = Object.fromEntries(own.map(([key, value]) => [key.slice(this.name.length + 1), value]));
      this.show();
    }

    matches(row) {
      for (const [key, value] of Object.entries(this.state)) {
        if (!value || key === "sort" || key === "page") continue;
        if (key === "q") {
          const text = `${row.cells[0].textContent} ${row.dataset.search || ""} ${all(".left", row).map(cell => cell.textContent).join(" ")}`.toLowerCase();
          if (!value.toLowerCase().split(/\s+/).every(word => text.includes(word))) return false;
        } else if (key === "spot") {
          if (!(row.dataset.spots || "").split(" ").includes(value)) return false;
        } else if (row.dataset[key] !== value) return false;
      }
      return true;
    }

    sorted(rows) {
      const { sort } = this.state;
      const key = (sort || "").replace(/^-/, ""), column = key ? this.column(key) : -1;
      if (column < 0) return rows;
      const sign = sort.startsWith("-") ? -1 : 1;
      const keyed = rows.map(row => [valueOf(row.cells[column]), row]);
      keyed.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : sign * compare(a, b))); // stable; what is not there comes last
      return keyed.map(([, row]) => row);
    }

    show() {
      const found = this.rows.filter(row => this.matches(row));
      const pages = this.size ? Math.max(1, Math.ceil(found.length / this.size)) : 1;
      this.page = Math.min(pages, Math.max(1, Number(this.state.page) || 1));
      this.state.page = this.page > 1 ? String(this.page) : "";
      const from = this.size ? (this.page - 1) * this.size : 0, to = this.size && !this.printing ? from + this.size : Infinity;
      const ordered = this.sorted(found), shown = ordered.slice(this.printing ? 0 : from, to);
      this.body.replaceChildren(...shown);
      if (!found.length && this.rows.length) {
        const row = this.body.insertRow();
        row.className = "nobody";
        const cell = row.insertCell();
        cell.colSpan = this.element.tHead.rows[this.element.tHead.rows.length - 1].cells.length;
        cell.textContent = "Nothing matches.";
      }
      this.label(found.length, pages, from);
    }

    label(count, pages, from) {
      const { sort } = this.state, key = (sort || "").replace(/^-/, "");
      for (const button of this.buttons) {
        const on = button.dataset.key === key;
        button.closest("th").setAttribute("aria-sort", on ? (sort.startsWith("-") ? "descending" : "ascending") : "none");
      }
      if (this.form) {
        for (const field of all("input, select", this.form)) if (field !== document.activeElement || field.value !== (this.state[field.name] || "")) field.value = this.state[field.name] || "";
        const total = this.rows.length.toLocaleString("en");
        const filtered = Object.entries(this.state).some(([name, value]) => value && name !== "sort" && name !== "page");
        this.output.textContent = filtered ? `${count.toLocaleString("en")} of ${total}${this.state.spot ? ", one place of the plot" : ""}` : "";
        this.form.querySelector("button[type=reset]").hidden = !filtered;
      }
      if (this.pager) {
        this.pager.hidden = pages < 2;
        this.previous.disabled = this.page === 1;
        this.next.disabled = this.page === pages;
        this.where.textContent = `${(from + 1).toLocaleString("en")}–${Math.min(from + this.size, count).toLocaleString("en")} of ${count.toLocaleString("en")}`;
      }
    }
  }

  for (const element of all("table[data-table]")) tables.set(element.dataset.table, new Table(element));
  const follow = first => {
    const { anchor, params } = readHash();
    if (params || first) for (const table of tables.values()) table.load(params || new URLSearchParams());
    else writeHash(anchor); // a plain #section: the tables keep their state, the hash says it again
    document.querySelector(".here")?.classList.remove("here");
    const goal = anchor && document.getElementById(anchor);
    if (!goal) return;
    goal.classList.add("here"); // :target knows no hash with a query
    goal.scrollIntoView({ behavior: first ? "instant" : "auto" }); // and rewriting the hash stops the browser's own
  };
  follow(true);
  addEventListener("hashchange", () => follow(false));

  // --- Definitions and intervals: on hover, on focus, away with Escape
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.role = "tooltip";
  tip.hidden = true;
  document.body.append(tip);
  let told = null;
  const words = element => {
    if (element.dataset.def) return DEFINITIONS[element.dataset.def] || element.dataset.def;
    const [n, low, high] = element.dataset.ci.split(" ");
    const never = element.classList.contains("never") ? "0 with the original encoder too: this says nothing about forgetting. " : "";
    return `${never}n = ${n}${low === undefined ? "" : `, 95 % interval ${low}–${high} %`}`;
  };
  const hide = () => {
    if (!told) return;
    told.removeAttribute("aria-describedby");
    told = null;
    tip.hidden = true;
  };
  const tell = element => {
    if (element === told) return;
    hide();
    told = element;
    tip.textContent = words(element);
    tip.hidden = false;
    place();
    element.setAttribute("aria-describedby", "tip");
  };
  const place = () => {
    const box = told.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const above = box.top - own.height - 6;
    tip.style.left = `${Math.max(8, Math.min(box.left + box.width / 2 - own.width / 2, document.documentElement.clientWidth - own.width - 8))}px`;
    tip.style.top = `${above > 8 ? above : box.bottom + 6}px`;
  };
  const has = "[data-def], [data-ci]";
  document.addEventListener("mouseover", event => {
    if (event.target === tip) return;
    const element = event.target.closest?.(has);
    if (element) tell(element);
    else hide();
  });
  document.addEventListener("focusin", event => {
    const element = event.target.closest?.(has);
    if (element) tell(element);
    else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("click", event => {
    const element = event.target.closest?.(has);
    if (element && matchMedia("(hover: none)").matches) tell(element);
  });
  document.addEventListener("keydown", event => {
    if (event.key === "Escape") hide();
  });
  addEventListener("scroll", () => { // a focus scrolls its element into view
    if (told && told === document.activeElement) place();
    else hide();
  }, { passive: true });

  // --- Videos: those of a pair load when they come near and are let go when they are far; the right one follows the left
  const button = document.getElementById("play");
  const pairs = new Map();
  let playing = false;
  const start = videos => videos.forEach(video => { video.play().catch(() => {}); });
  const stop = videos => videos.forEach(video => video.pause());
  const load = videos => videos.forEach(video => {
    if (video.hasAttribute("src")) return;
    video.preload = "auto";
    video.src = video.dataset.src;
  });
  const release = videos => videos.forEach(video => { // a browser plays but so many
    if (!video.hasAttribute("src")) return;
    video.removeAttribute("src");
    video.load();
  });
  const watch = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      const pair = pairs.get(target);
      pair.near = isIntersecting;
      if (isIntersecting) {
        load(pair.videos);
        if (playing) start(pair.videos);
      } else {
        stop(pair.videos);
        release(pair.videos);
      }
    }
  }, { rootMargin: "400px" });
  const adopt = () => {
    for (const box of all(".pair.videos")) {
      if (pairs.has(box)) continue;
      pairs.set(box, { videos: all("video", box), near: false });
      watch.observe(box);
    }
    button.hidden = pairs.size === 0;
  };
  const step = () => {
    if (!playing) return;
    for (const { near, videos } of pairs.values()) {
      const [left, right] = videos;
      if (!near || !right || left.readyState < 2 || right.readyState < 2 || right.seeking) continue;
      const length = left.duration || 1, apart = Math.abs(right.currentTime - left.currentTime);
      if (Math.min(apart, length - apart) > 0.05) right.currentTime = left.currentTime;
    }
    requestAnimationFrame(step);
  };
  const set = on => {
    playing = on;
    button.textContent = on ? "Pause" : "Play";
    button.setAttribute("aria-pressed", String(on));
    for (const { near, videos } of pairs.values()) {
      if (on && near) start(videos);
      if (on) continue;
      stop(videos);
      const [left, right] = videos;
      if (near && right && right.readyState >= 1) right.currentTime = left.currentTime;
    }
    if (on) requestAnimationFrame(step);
  };
  for (const table of tables.values()) {
    for (const row of table.rows) for (const box of all(".pair.videos", row)) if (!pairs.has(box)) {
      pairs.set(box, { videos: all("video", box), near: false });
      watch.observe(box);
    }
  }
  adopt();
  button.addEventListener("click", () => set(!playing));
  if (pairs.size && !matchMedia("(prefers-reduced-motion: reduce)").matches) set(true);

  // --- Print: all rows that match, and the strips of the videos
  const print = on => {
    for (const table of tables.values()) {
      table.printing = on;
      table.show();
    }
    all("details").forEach(one => { one.open = on; });
    if (on) all("img[loading=lazy]").forEach(image => { image.loading = "eager"; });
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  document.documentElement.dataset.ready = "true"; // for tests
})();
