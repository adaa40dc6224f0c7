// On the instructor's page: what `lab status --publish` has left beside the site, and kept fresh.
"use strict";

const EVERY = 5000; // milliseconds between two looks
const OLD = 90; // seconds after which a machine may well be in another state
const SIGNS = { good: "✓", off: "!", bad: "✗", unknown: "?" };
const UNKNOWN = { level: "unknown", state: "inconnu" };

const block = document.getElementById("etat");
const [said, when, command] = block.querySelectorAll("strong, span, code");
const others = block.lastElementChild;
const places = new Map(); // by machine: a function that shows its state

let last = null; // what was published last, and when, by this page's clock
let answers = true;
let busy = false;

async function look() {
  if (busy || document.hidden) return;
  busy = true;
  try {
    const answer = await fetch("etat.json", { cache: "no-store", signal: AbortSignal.timeout(10000) });
    last = answer.status === 204 ? null : await read(answer);
    answers = true;
  } catch {
    answers = false; // what is known stays, and ages
  }
  busy = false;
  block.hidden = false;
  if (last) showStates((performance.now() - last.taken) / 1000);
  else showNone();
}

async function read(answer) {
  const { at, machines } = await answer.json();
  // Both by the container host's clock, as that of a phone may differ.
  const age = Date.parse(answer.headers.get("Date")) - 1000 * at;
  return { machines, taken: performance.now() - Math.max(age, 0) };
}

function showNone() {
  say(said, answers ? "Aucun état publié :" : "Le site ne répond pas.");
  say(when, "");
  command.hidden = !answers;
  others.hidden = true;
  for (const shown of places.values()) shown(UNKNOWN);
}

function showStates(age) {
  if (!places.size) findPlaces();
  const old = age > OLD;
  const ago = `il y a ${duration(age)}`;
  const planned = new Map(last.machines.filter((each) => each.planned).map((each) => [each.name, each]));
  const listed = [...places.keys()].map((name) => planned.get(name) ?? { ...UNKNOWN, name });
  const unlisted = last.machines.filter((each) => !each.planned || !places.has(each.name));
  for (const each of listed) {
    places.get(each.name)(old ? { level: "unknown", state: `${each.state} (${ago})` } : each);
  }
  const silence = answers ? "" : " Le site ne répond plus.";
  say(said, old ? "État périmé :" : `${summary(listed)}.`);
  say(when, old ? `c'était ${ago}.${silence} Pour l'avoir à jour :` : `État d'${ago}.${silence}`);
  command.hidden = !old;
  const named = unlisted.map(({ name, host, state }) => `${name} sur ${host} (${state})`);
  say(others, `Hors de la liste : ${named.join(", ")}.`);
  others.hidden = !named.length;
}

// Such as "Sur 12 machines : ✓ 10 en marche · ✗ 2 introuvable".
function summary(machines) {
  const levels = Object.keys(SIGNS);
  const states = new Map(machines.map(({ level, state }) => [state, level]));
  const counts = [...states]
    .sort(([, one], [, other]) => levels.indexOf(one) - levels.indexOf(other))
    .map(([state, level]) => `${SIGNS[level]} ${machines.filter((each) => each.state === state).length} ${state}`);
  return `Sur ${machines.length} machines : ${counts.join(" · ")}`;
}

function findPlaces() {
  const table = document.querySelector(".machines");
  table.tHead.rows[0].append(Object.assign(document.createElement("th"), { scope: "col", textContent: "état" }));
  for (const row of table.querySelectorAll("tbody tr")) {
    const name = row.querySelector("code").textContent;
    const cell = row.appendChild(document.createElement("td"));
    const draw = cardOf(name);
    places.set(name, ({ level, state }) => {
      cell.className = `state ${level}`;
      say(cell, `${SIGNS[level]} ${state}`);
      draw({ level, state });
    });
  }
}

// The machine in the topology's picture, where only a sign has room.
function cardOf(name) {
  const card = document.querySelector(`.topology [data-machine="${CSS.escape(name)}"]`);
  const box = card.querySelector(".card");
  const title = card.querySelector("title");
  const about = title.textContent;
  const sign = card.appendChild(document.createElementNS(box.namespaceURI, "text"));
  const place = { x: box.x.baseVal.value + box.width.baseVal.value - 8, y: box.y.baseVal.value + 22 };
  const attributes = { ...place, "text-anchor": "end", class: "sign" };
  for (const [attribute, value] of Object.entries(attributes)) sign.setAttribute(attribute, value);
  return ({ level, state }) => {
    card.setAttribute("class", `state ${level}`);
    say(sign, SIGNS[level]);
    say(title, `${about} · ${state}`);
  };
}

function duration(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} j`;
}

// Only what is new: screen readers announce what is written.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

setInterval(look, EVERY);
document.addEventListener("visibilitychange", look);
look();
