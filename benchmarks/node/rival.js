// Reads one JSON object a line, {mjml, css}; answers the milliseconds of mjml and juice.
const readline = require("readline");
const mjml2html = require("mjml");
const juice = require("juice").default;

async function measure({ mjml, css }) {
  const start = performance.now();
  const before = process.cpuUsage();
  const { html } = await mjml2html(mjml, { validationLevel: "skip" });
  const compiled = performance.now();
  juice.inlineContent(html, css, { preserveMediaQueries: true });
  const inlined = performance.now();
  const used = process.cpuUsage(before);
  return {
    mjml: compiled - start,
    juice: inlined - compiled,
    total: inlined - start,
    "total, CPU": (used.user + used.system) / 1000,
  };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await measure(JSON.parse(line))));
  }
}

main();
