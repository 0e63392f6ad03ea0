"use strict";
(() => {
  const all = (root, query) => Array.from(root.querySelectorAll(query));
  const data = (root, name) => JSON.parse(root.querySelector("script." + name).textContent);
  const element = (name, text) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // The blueprint: a chosen statement, all that it rests on, and the rest in the background.
  for (const figure of all(document, ".blueprint")) {
    const facts = data(figure, "facts");
    const panel = figure.querySelector(".rests");
    const nodes = all(figure, "[data-node]");
    const choose = (label) => {
      const chosen = label === null ? null : facts[label];
      const kept = chosen === null ? null : new Set([label, ...chosen.rests]);
      for (const node of nodes) {
        const name = node.dataset.node;
        node.classList.toggle("dim", kept !== null && !kept.has(name));
        node.classList.toggle("chosen", name === label);
        node.setAttribute("aria-pressed", String(name === label));
      }
      for (const edge of all(figure, "path")) {
        const on = kept !== null && kept.has(edge.dataset.from) && kept.has(edge.dataset.to);
        edge.classList.toggle("on", on);
        edge.classList.toggle("dim", kept !== null && !on);
      }
      panel.replaceChildren();
      if (chosen === null) return panel.append("No statement chosen.");
      panel.append(element("p", chosen.text));
      if (!chosen.rests.length) return panel.append(element("p", "It rests on nothing else."));
      panel.append(element("p", "It rests on:"));
      const list = element("ul");
      for (const name of chosen.rests) {
        const item = facts[name];
        const line = element("li");
        line.append(element("b", name), ` ${item.title} (${item.kind === "leaf" ? "from the literature" : item.kind})`);
        list.append(line);
      }
      panel.append(list);
    };
    for (const node of nodes) {
      const toggle = () => choose(node.classList.contains("chosen") ? null : node.dataset.node);
      node.addEventListener("click", toggle);
      node.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
        if (event.key === "Escape") choose(null);
      });
    }
  }

  // Observations: a filter over the rows, and headings that sort.
  for (const block of all(document, ".observations")) {
    const body = block.querySelector("tbody");
    const rows = all(body, "tr");
    const search = block.querySelector("input");
    const verdict = block.querySelector("select");
    const count = block.querySelector("output");
    const filter = () => {
      const text = search.value.trim().toLowerCase();
      let kept = 0;
      for (const row of rows) {
        const fits = (!text || row.textContent.toLowerCase().includes(text)) && (!verdict.value || row.dataset.verdict === verdict.value);
        row.hidden = !fits;
        kept += fits;
      }
      count.textContent = `${kept} of ${rows.length}`;
    };
    search.addEventListener("input", filter);
    verdict.addEventListener("change", filter);
    for (const button of all(block, "th button")) {
      button.addEventListener("click", () => {
        const head = button.parentElement;
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of all(block, "th")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.children[Number(button.dataset.column)].dataset.key;
        const order = (a, b) => {
          const x = key(a), y = key(b);
          // What has no value stands last in both directions.
          if (x === "" || y === "") return (x === "") - (y === "");
          const number = Number(x) - Number(y);
          const found = Number.isNaN(number) ? x.localeCompare(y) : number;
          return down ? -found : found;
        };
        body.append(...rows.slice().sort(order));
      });
    }
  }

  // Sliders: only grid values are shown, on the safe side of what is chosen; where there is none, nothing is.
  for (const block of all(document, ".sliders")) {
    const grid = data(block, "grid");
    const answer = block.querySelector(".answer");
    const names = Object.keys(grid.axes);
    const inputs = Object.fromEntries(all(block, "input").map((input) => [input.dataset.axis, input]));
    const sorted = Object.fromEntries(names.map((name) => [name, grid.axes[name].slice().sort((a, b) => a - b)]));
    const range = (name, least, most, step, value) => Object.assign(inputs[name], { min: least, max: most, step, value });
    const last = (values) => values[values.length - 1];
    range("beta", 0, sorted.beta.length - 1, 1, Math.floor(sorted.beta.length / 2));
    range("d", 1, last(sorted.d), 1, sorted.d[Math.floor(sorted.d.length / 2)]);
    range("kappa", 1, last(sorted.kappa), 0.01, sorted.kappa[Math.floor(sorted.kappa.length / 2)]);
    // One step beyond the smallest epsilon, where nothing is certified; a logarithmic scale.
    const least = Math.floor(-100 * Math.log10(last(sorted.epsilon)) + 1e-9) / 100;
    range("epsilon", least, -Math.log10(sorted.epsilon[0]) + 0.1, 0.01, least);
    const chosen = (name) => {
      const value = Number(inputs[name].value);
      return name === "beta" ? sorted.beta[value] : name === "epsilon" ? Number((10 ** -value).toPrecision(4)) : value;
    };
    const safe = (name, value) => {
      if (name === "beta") return value;
      if (name === "epsilon") return sorted.epsilon.filter((item) => item <= value * (1 + 1e-12)).pop();
      return sorted[name].find((item) => item >= value - 1e-12);
    };
    const show = () => {
      const wanted = Object.fromEntries(names.map((name) => [name, chosen(name)]));
      const used = Object.fromEntries(names.map((name) => [name, safe(name, wanted[name])]));
      let place = 0;
      for (const name of names) {
        const output = inputs[name].nextElementSibling;
        output.textContent = used[name] === undefined ? `${wanted[name]}: beyond the grid` : used[name] === wanted[name] ? `${wanted[name]}` : `${wanted[name]} → ${used[name]}`;
        inputs[name].setAttribute("aria-valuetext", output.textContent);
        place = place * grid.axes[name].length + grid.axes[name].indexOf(used[name]);
      }
      answer.replaceChildren();
      const at = names.map((name) => `${name} = ${used[name]}`).join(", ");
      if (names.some((name) => used[name] === undefined)) {
        answer.append("No grid value lies on the safe side: nothing is shown.");
      } else if (grid.bounds[place] === null) {
        answer.append(`No certificate was found at ${at}.`);
      } else {
        answer.append("TV ≤ ", element("b", grid.bounds[place]));
        if (grid.layers[place] !== null) answer.append(" with ", element("b", grid.layers[place]), " stochastic layers");
        answer.append(`, certified at ${at}.`);
        if (names.some((name) => used[name] !== wanted[name])) answer.append(" That is the nearest grid value on the safe side: it holds for the values chosen too.");
      }
    };
    for (const input of Object.values(inputs)) input.addEventListener("input", show);
    show();
  }

  // A link to a result opens it; print has everything open.
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", open);
  open();
  let closed = [];
  addEventListener("beforeprint", () => { closed = all(document, "details:not([open])"); closed.forEach((item) => { item.open = true; }); });
  addEventListener("afterprint", () => closed.forEach((item) => { item.open = false; }));
})();
