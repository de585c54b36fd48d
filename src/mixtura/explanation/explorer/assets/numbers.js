"use strict";
// Numbers as a person writes them: the twin of mixtura.explanation.numbers (six digits, a true minus sign, powers of ten).

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const DIGITS = 6;

const signed = (text) => text.replace(/-/g, "−");
const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** Python's way with a tie, which JavaScript rounds up: `write(places)` to the even neighbour. */
function rounded(x, write, places) {
  const text = write.call(x, places);
  const longer = write.call(x, Math.min(100, places + 40));
  const tail = longer.slice(text.length + (text.includes(".") ? 0 : 1));
  if (!/^50*$/.test(tail)) return text;
  const down = longer.slice(0, text.length);
  return /[02468]$/.test(down) ? down : text;
}

/** `5.13173`, `−0.5`, `1.36512×10⁻⁷`; a large number keeps its whole part and three decimals. */
function number(x, digits = DIGITS) {
  if (x === null || Number.isNaN(x)) return "—";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e-4 && size < 10 ** (digits - 1)) return signed(trimmed(rounded(x, x.toPrecision, digits)));
  if (size >= 10 ** (digits - 1) && size < 1e12) return signed(trimmed(rounded(x, x.toFixed, 3)));
  const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
  return powered(mantissa, Number(exponent));
}

/** The number e^logX, also where it is too small or too large for a float. */
function expNumber(logX, digits = DIGITS) {
  if (Math.abs(logX) < 690 || !Number.isFinite(logX)) return number(Math.exp(logX), digits);
  const tens = logX / Math.LN10;
  const exponent = Math.floor(tens);
  return powered((10 ** (tens - exponent)).toFixed(digits - 1), exponent);
}

function powered(mantissa, exponent) {
  const power = String(Math.abs(exponent)).replace(/\d/g, (d) => SUPERSCRIPTS[d]);
  return signed(`${trimmed(mantissa)}×10${exponent < 0 ? "⁻" : ""}${power}`);
}

/** A log-likelihood: eight decimals, fewer where it is large. */
function nats(x) {
  if (!Number.isFinite(x)) return number(x);
  const decimals = Math.max(2, 8 - Math.max(0, Math.floor(Math.log10(Math.max(Math.abs(x), 1))) - 2));
  return signed(rounded(x, x.toFixed, decimals));
}

/** ₀ ₁ ₂ … */
const subscript = (i) => String(i).replace(/\d/g, (d) => SUBSCRIPTS[d]);

/** a + b − c + …: a long sum shows its first terms and its last. */
function added(terms, limit = 4) {
  const shown = terms.length > limit ? [...terms.slice(0, limit - 2), "…", terms[terms.length - 1]] : terms;
  return shown.join(" + ").replaceAll("+ −", "− ");
}
