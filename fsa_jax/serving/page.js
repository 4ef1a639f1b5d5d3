"use strict";

// All text is put in as text, never as HTML: a review may hold anything.
const $ = (id) => document.getElementById(id);
const EXAMPLE = "The pasta was great, but we waited an hour for the bill. The waiter was rude.";
const CHUNK = 64;
let models = [];

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function showError(message) {
  $("error").textContent = message;
  $("error").hidden = !message;
}

async function post(body) {
  const headers = { "Content-Type": "application/json" };
  if ($("key").value) headers.Authorization = `Bearer ${$("key").value}`;
  for (let attempt = 0; ; attempt += 1) {
    const response = await fetch("/predict", { method: "POST", headers, body: JSON.stringify(body) });
    if (response.status === 503 && attempt < 5) {
      const wait = Number(response.headers.get("Retry-After") || 1);
      await new Promise((go) => setTimeout(go, 1000 * Math.min(wait, 10)));
      continue;
    }
    if (response.status === 401) $("key-field").hidden = false;
    const found = await response.json();
    if (!response.ok) throw new Error(found.detail);
    return found;
  }
}

function about(name) {
  return models.find((model) => model.name === name);
}

function question(name, texts, sentences, given) {
  const asks = ["tsc", "asc"].includes(about(name).answers);
  return { texts, model: name, sentences: sentences && !asks,
    given: asks ? texts.map(() => given) : null };
}

// Offsets count characters (code points), as Python does.
function highlighted(text, opinions) {
  const letters = Array.from(text);
  const places = opinions.filter((o) => o.start !== null && o.start !== undefined)
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const shown = element("p", "text");
  let at = 0;
  for (const opinion of places) {
    if (opinion.start < at) continue;
    shown.append(letters.slice(at, opinion.start).join(""));
    const mark = element("mark", opinion.polarity, letters.slice(opinion.start, opinion.end).join(""));
    mark.title = `${opinion.polarity}, ${percent(opinion.confidence)}`;
    shown.append(mark);
    at = opinion.end;
  }
  shown.append(letters.slice(at).join(""));
  return shown;
}

function percent(confidence) {
  return `${(100 * confidence).toFixed(0)}%`;
}

function table(rows, columns) {
  const made = element("table");
  const head = made.createTHead().insertRow();
  for (const name of columns) {
    const cell = element("th", "", name);
    cell.scope = "col";
    if (name === "confidence") cell.className = "number";
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const name of columns) {
      const cell = line.insertCell();
      if (name === "confidence") {
        cell.className = "number";
        cell.textContent = percent(row[name]);
      } else if (name === "polarity") {
        cell.append(element("span", `chip ${row[name]}`, row[name]));
      } else {
        cell.textContent = row[name] ?? "";
        if (name === "target" && row.start === null && row.target !== "NULL") {
          cell.append(" ", element("small", "", "(not in the text)"));
        }
      }
    }
  }
  const scroll = element("div", "scroll");
  scroll.append(made);
  return scroll;
}

function shownBlock(block) {
  const box = element("p", "block");
  const level = (block.sentiment.match(/positive|negative|neutral/i) || ["neutral"])[0].toLowerCase();
  box.append(element("strong", "", block.target), ` ${block.aspect} `);
  box.append(element("span", `chip ${level}`, block.sentiment), element("br"));
  box.append(block.reasoning);
  return box;
}

function shownAnswer(text, found) {
  const answer = found.answers[0];
  const box = element("article", "answer");
  box.append(element("h3", "", found.model));
  if (answer.opinions) {
    box.append(highlighted(text, answer.opinions));
    if (answer.opinions.length) {
      const fields = ["target", "category", "opinion", "polarity", "confidence"];
      const columns = fields.filter((name) => answer.opinions.some((o) => name in o));
      box.append(table(answer.opinions, columns));
    } else {
      box.append(element("p", "soft", "No opinion was found."));
    }
  } else if (answer.analysis) {
    box.append(...answer.analysis.map(shownBlock));
  } else {
    box.append(element("p", "text", [].concat(answer.raw).join("\n")));
  }
  if (answer.truncated) {
    box.append(element("p", "soft", "The text is long: only its beginning was read."));
  }
  box.append(element("small", "", `${about(found.model).task}, ${(1000 * found.seconds).toFixed(0)} ms`));
  return box;
}

async function ask(event) {
  event.preventDefault();
  showError("");
  const text = $("text").value;
  const names = [$("model").value, $("second").value].filter(Boolean);
  $("answers").setAttribute("aria-busy", "true");
  try {
    const asked = names.map((name) =>
      post(question(name, [text], $("sentences").checked, $("given").value)));
    const found = await Promise.all(asked);
    $("answers").replaceChildren(...found.map((one) => shownAnswer(text, one)));
  } catch (error) {
    $("answers").replaceChildren();
    showError(error.message);
  }
  $("answers").removeAttribute("aria-busy");
}

// RFC 4180: fields in quotes may hold commas, quotes (doubled) and line ends.
function readCsv(content) {
  const rows = [];
  let row = [], field = "", quoted = false;
  for (let i = 0; i < content.length; i += 1) {
    const letter = content[i];
    if (quoted) {
      if (letter === '"' && content[i + 1] === '"') { field += '"'; i += 1; }
      else if (letter === '"') quoted = false;
      else field += letter;
    } else if (letter === '"' && field === "") quoted = true;
    else if (letter === ",") { row.push(field); field = ""; }
    else if (letter === "\n") { row.push(field.replace(/\r$/, "")); rows.push(row); row = []; field = ""; }
    else field += letter;
  }
  if (field || row.length) { row.push(field.replace(/\r$/, "")); rows.push(row); }
  return rows.filter((fields) => fields.some((one) => one !== ""));
}

function readTexts(name, content) {
  const plain = content.replace(/^\ufeff/, "");
  if (!name.toLowerCase().endsWith(".csv")) {
    const lines = plain.replace(/\n$/, "").split("\n");
    return lines.map((line, i) => ({ line: i + 1, text: line.trim() }));
  }
  const [head, ...rows] = readCsv(plain);
  if (!head) throw new Error(`${name} has no rows`);
  const column = head.length === 1 ? 0 : head.indexOf("text");
  if (column < 0) throw new Error(`${name} has no column text; it has ${head.join(", ")}`);
  return rows.map((row) => {
    const made = Object.fromEntries(head.map((key, i) => [key, row[i] ?? ""]));
    made.text = row[column] ?? "";
    return made;
  });
}

async function answerFile() {
  showError("");
  const file = $("file").files[0];
  const name = $("model").value;
  $("download").hidden = true;
  $("start").disabled = true;
  try {
    const rows = readTexts(file.name, await file.text());
    if (!rows.some((row) => row.text)) throw new Error(`${file.name} holds no text`);
    const lines = [];
    $("progress").max = rows.length;
    $("progress").hidden = false;
    for (let at = 0; at < rows.length; at += CHUNK) {
      const part = rows.slice(at, at + CHUNK);
      const texts = part.map((row) => row.text);
      const found = await post(question(name, texts, $("sentences").checked, $("given").value));
      part.forEach((row, i) => lines.push(JSON.stringify({ ...row, ...found.answers[i] })));
      $("progress").value = at + part.length;
      $("file-note").textContent = `${at + part.length} of ${rows.length} rows`;
    }
    const blob = new Blob([lines.join("\n"), "\n"], { type: "application/x-ndjson" });
    $("download").href = URL.createObjectURL(blob);
    $("download").hidden = false;
  } catch (error) {
    showError(error.message);
  }
  $("progress").hidden = true;
  $("start").disabled = false;
}

function showGiven() {
  const chosen = about($("model").value);
  $("given-field").hidden = !chosen || !["tsc", "asc"].includes(chosen.answers);
}

async function start() {
  models = await (await fetch("/models")).json();
  for (const model of models) {
    const label = `${model.name} (${model.answers})`;
    $("model").append(new Option(label, model.name));
    $("second").append(new Option(label, model.name));
  }
  showGiven();
  $("model").addEventListener("change", showGiven);
  $("ask").addEventListener("submit", ask);
  $("example").addEventListener("click", () => { $("text").value = EXAMPLE; $("text").focus(); });
  $("file").addEventListener("change", () => { $("start").disabled = !$("file").files.length; });
  $("start").addEventListener("click", answerFile);
}

start().catch((error) => showError(error.message));
