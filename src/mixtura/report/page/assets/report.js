// Draws each chart into the element of its name, in the colours of the page; again where these change.
const specs = JSON.parse(document.getElementById("specs").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");

function config() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
  const text = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12 };
  return {
    background: "transparent", aria: false, font: "system-ui, DejaVu Sans, sans-serif",
    axis: { ...text, gridColor: line, domainColor: line, tickColor: line }, legend: text, view: { stroke: line },
  };
}

// One picture with one description instead of hundreds of symbols without; again whenever it is redrawn.
function quiet(box, words) {
  const strip = () => {
    for (const part of box.querySelectorAll("[role], [aria-label], [aria-roledescription]")) {
      for (const key of ["role", "aria-label", "aria-roledescription"]) part.removeAttribute(key);
    }
    for (const [key, value] of [["role", "img"], ["aria-label", words]]) {
      if (box.getAttribute(key) !== value) box.setAttribute(key, value);
    }
    box.removeAttribute("aria-roledescription");
  };
  strip();
  new MutationObserver(strip).observe(box, { subtree: true, childList: true, attributeFilter: ["role", "aria-label"] });
}

async function draw() {
  for (const [name, spec] of Object.entries(specs)) {
    const box = document.getElementById(name);
    await vegaEmbed(box, { ...spec, config: config() }, { actions: false, renderer: "svg" });
    quiet(box, spec.description);
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
  document.documentElement.dataset.drawn = "true";
}

dark.addEventListener("change", draw);
draw();
