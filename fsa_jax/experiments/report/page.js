// The browser of examples: two systems side by side, filtered; nothing is loaded from elsewhere.
const data = JSON.parse(document.getElementById("examples").textContent);
const flags = { i: "implicit", m: "multiple", h: "hard" };
const step = 30;
let shown = step;

const byId = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
};
const fill = (select, names, chosen) => {
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(chosen)) select.value = chosen;
};

function systemsChanged() {
  const names = Object.keys(data[byId("task").value].systems);
  const [first, second] = [byId("first").value, byId("second").value];
  fill(byId("first"), names, first || names[0]);
  fill(byId("second"), names, second || names[names.length - 1]);
  show(step);
}

function side(title, units, gold) {
  const box = make("div", "", "");
  box.append(make("h4", "", title));
  if (units === null) box.append(make("span", "tag", "no answer"));
  else if (!units.length) box.append(make("span", "tag", "nothing"));
  const left = gold && [...gold];
  for (const unit of units || []) {
    const at = left ? left.indexOf(unit) : -1;
    if (at >= 0) left.splice(at, 1);
    box.append(make("span", "unit" + (!left ? "" : at >= 0 ? " right" : " wrong"), unit));
  }
  return box;
}

function wanted([text, gold, own], answers) {
  for (const box of document.querySelectorAll("[data-flag]"))
    if (box.checked && !own.includes(box.dataset.flag)) return false;
  const [a, b] = answers.map((answer) => (answer ? answer[1] : 0));
  if (byId("wrong").checked && a && b) return false;
  if (byId("differ").checked && a === b) return false;
  const words = byId("words").value.trim().toLowerCase();
  return !words || (text + " " + gold.join(" ")).toLowerCase().includes(words);
}

function show(count) {
  shown = count;
  const task = data[byId("task").value];
  const names = [byId("first").value, byId("second").value];
  const found = task.sentences
    .map((sentence, i) => [sentence, names.map((name) => task.systems[name][i])])
    .filter(([sentence, answers]) => wanted(sentence, answers));
  const nodes = found.slice(0, shown).map(([[text, gold, own], answers]) => {
    const box = make("div", "example", "");
    const line = make("p", "text", text);
    for (const flag of own) line.append(make("span", "tag", flags[flag]));
    const sides = make("div", "sides", "");
    sides.append(side("gold", gold, null));
    names.forEach((name, i) => sides.append(side(name, answers[i] && answers[i][0], gold)));
    box.append(line, sides);
    return box;
  });
  byId("list").replaceChildren(...nodes);
  byId("count").textContent = `${Math.min(shown, found.length)} of ${found.length} sentences`;
  byId("more").hidden = shown >= found.length;
}

if (Object.keys(data).length) {
  fill(byId("task"), Object.keys(data));
  byId("task").addEventListener("change", systemsChanged);
  for (const node of document.querySelectorAll(".controls select:not(#task), .controls input"))
    node.addEventListener("input", () => show(step));
  byId("more").addEventListener("click", () => show(shown + step));
  systemsChanged();
}
