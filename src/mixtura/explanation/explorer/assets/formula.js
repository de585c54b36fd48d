// Formulas of the explanation, written in Unicode, as MathML.

const HAT = "\u0302";
const LOWER = { "ₖ": "k", "ᵢ": "i", "ⱼ": "j", "ₜ": "t" };
const UPPER = { "ᵀ": "T", "⁻": "−" };

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const plainDigits = (text, digits, others) =>
  [...text].map((c) => (digits.includes(c) ? String(digits.indexOf(c)) : (others[c] ?? c))).join("");

/** A chain [left, relation, right, relation, right, …]; right-hand sides stand below one another. */
function formula(chain) {
  const rows = [];
  for (let i = 1; i < chain.length; i += 2) {
    const left = i === 1 ? expression(chain[0]) : "";
    rows.push(`<mtr><mtd>${left}</mtd><mtd><mo>${escaped(chain[i])}</mo></mtd><mtd>${expression(chain[i + 1])}</mtd></mtr>`);
  }
  return `<math display="block"><mtable class="chain">${rows.join("")}</mtable></math>`;
}

/** One side: its division, if it is one, becomes a fraction. */
function expression(text) {
  const at = divisionIn(text);
  if (at < 0) return `<mrow>${tokens(text)}</mrow>`;
  const [above, below] = [text.slice(0, at), text.slice(at + 3)].map(unbracketed);
  return `<mfrac><mrow>${tokens(above)}</mrow><mrow>${tokens(below)}</mrow></mfrac>`;
}

/** Where " / " stands outside all brackets. */
function divisionIn(text) {
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    if ("([{".includes(text[i])) depth += 1;
    if (")]}".includes(text[i])) depth -= 1;
    if (depth === 0 && text.startsWith(" / ", i)) return i;
  }
  return -1;
}

/** The text without the brackets around the whole of it. */
function unbracketed(text) {
  if (!text.startsWith("(") || !text.endsWith(")")) return text;
  let depth = 0;
  for (let i = 0; i < text.length - 1; i += 1) {
    depth += text[i] === "(" ? 1 : text[i] === ")" ? -1 : 0;
    if (depth === 0) return text;
  }
  return text.slice(1, -1);
}

// ₖ ᵢ ⱼ ₜ ᵀ are letters to Unicode and indices here
const LETTER = "(?![ₖᵢⱼₜᵀ])\\p{L}";
const WORD = new RegExp(`(\\bof .*$|${LETTER}${LETTER}(?:${LETTER}|[\\d_])*)`, "u");
const TOKEN = new RegExp(`(\\d[\\d.]*|${LETTER}\u0302?|[^\\s\\d])([₀-₉ₖᵢⱼₜ,]*[₀-₉ₖᵢⱼₜ])?([⁰¹²³⁴-⁹⁻ᵀ]+)?|\\s+`, "gu");

/** Numbers, letters with indices and powers, words and signs. */
function tokens(text) {
  return text.split(WORD).map((part, i) => (i % 2 ? `<mtext>${part.startsWith("of ") ? "&nbsp;" : ""}${escaped(part)}</mtext>` : signs(part))).join("");
}

function signs(text) {
  return text.replace(TOKEN, (whole, base, below, above) => {
    if (base === undefined) return "";
    const element = atom(base);
    const low = below && `<mi>${plainDigits(below, SUBSCRIPTS, LOWER)}</mi>`;
    const high = above && `<mn>${plainDigits(above, SUPERSCRIPTS, UPPER)}</mn>`;
    if (low && high) return `<msubsup>${element}${low}${high}</msubsup>`;
    if (low) return `<msub>${element}${low}</msub>`;
    return high ? `<msup>${element}${high}</msup>` : element;
  });
}

function atom(base) {
  if (/^\d/.test(base)) return `<mn>${base}</mn>`;
  if (base.endsWith(HAT)) return `<mover accent="true"><mi>${base[0]}</mi><mo stretchy="false">^</mo></mover>`;
  if (/\p{L}/u.test(base)) return `<mi>${base}</mi>`;
  if ("()[]|".includes(base)) return `<mo stretchy="false">${base}</mo>`;
  return `<mo>${escaped(base)}</mo>`;
}
