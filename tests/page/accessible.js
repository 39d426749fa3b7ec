// What is wrong with the page for somebody who sees little, or hears it: a list of sentences.
const faults = [];
const parse = (text) => {
  const numbers = text.match(/[\d.]+/g).map(Number);
  return numbers.length > 3 ? numbers : [...numbers, 1];
};
const over = (front, back) => front.slice(0, 3).map((one, at) => one * front[3] + back[at] * (1 - front[3]));
const behind = (element) => {
  if (!element) return [255, 255, 255];
  const own = parse(getComputedStyle(element).backgroundColor);
  return own[3] === 1 ? own.slice(0, 3) : over(own, behind(element.parentElement));
};
const light = (colour) => {
  const [r, g, b] = colour.map((one) => {
    const part = one / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".hidden, noscript");
const name = (element) => `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""} “${element.textContent.trim().slice(0, 40)}”`;

// WCAG 2.2, 1.4.3: text against what it stands on.
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let texts = 0;
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || !seen(element) || element.matches("script, style")) continue;
  texts += 1;
  const style = getComputedStyle(element);
  const colour = parse(element instanceof SVGElement ? style.fill : style.color);
  const back = behind(element);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const ratio = contrast(over(colour, back), back);
  if (ratio < (large ? 3 : 4.5)) faults.push(`contrast ${ratio.toFixed(2)}: ${name(element)}`);
}
if (texts === 0) faults.push("no text was looked at");

// Names of what can be operated, and of pictures.
const named = (element) => element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length;
for (const one of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, [role=img], [tabindex]:not(main)")) {
  if (!named(one) && !one.getAttribute("aria-labelledby")) faults.push(`no name: ${one.outerHTML.slice(0, 80)}`);
}
for (const one of document.querySelectorAll("svg")) {
  if (one.getAttribute("role") !== "img" && one.getAttribute("aria-hidden") !== "true") faults.push(`a picture without words: ${one.getAttribute("class")}`);
}
for (const one of document.querySelectorAll("[aria-labelledby]")) {
  if (!document.getElementById(one.getAttribute("aria-labelledby"))) faults.push(`labelled by nothing: ${name(one)}`);
}

// The shape of the page.
if (!document.documentElement.lang) faults.push("no language");
if (!document.title) faults.push("no title");
if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
let level = 0;
for (const one of document.querySelectorAll("h1, h2, h3, h4")) {
  const next = Number(one.tagName[1]);
  if (next > level + 1) faults.push(`a heading is skipped before ${name(one)}`);
  level = next;
}
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) faults.push(`two elements are #${id}`);

// WCAG 2.2, 1.4.10: nothing to scroll sideways, but in a box of its own.
const page = document.documentElement;
if (page.scrollWidth > page.clientWidth) faults.push(`wider than the window: ${page.scrollWidth} > ${page.clientWidth}`);
return faults;
