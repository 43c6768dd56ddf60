// Reads MJML, writes {html, errors} as the reference compiler gives them, validating strictly.
const fs = require("fs");
const mjml2html = require("mjml");

async function main() {
  const mjml = fs.readFileSync(0, "utf8");
  try {
    const { html } = await mjml2html(mjml, { validationLevel: "strict" });
    console.log(JSON.stringify({ html, errors: [] }));
  } catch (error) {
    const errors = (error.errors || [error]).map((one) => one.formattedMessage || String(one));
    console.log(JSON.stringify({ html: "", errors }));
  }
}

main();
