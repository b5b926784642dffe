//! How does a page look in a browser? Its script looks at contrast, landmarks, headings, links, tables and overflow, at 400
//! and at 1,200 pixels, light and dark.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A script that looks at the page as a reader would, and tells the page around it what it found.
const LOOK: &str = "<script>
addEventListener('load', () => {
  const wrong = [];
  const luminance = ([r, g, b]) => [r, g, b].map(c => { c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4 })
    .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
  const colour = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  let texts = 0, least = 99;
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || getComputedStyle(element).display === 'none' || element.closest('script')) continue;
    texts += 1;
    const [a, b] = [colour(getComputedStyle(element).color), behind(element)].map(luminance);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    least = Math.min(least, ratio);
    if (ratio < 4.5) wrong.push('contrast ' + ratio.toFixed(2) + ': ' + element.textContent.slice(0, 40));
    if (parseFloat(getComputedStyle(element).fontSize) < 11) wrong.push('small: ' + element.textContent.slice(0, 40));
  }
  for (const landmark of ['header', 'nav[aria-label]', 'main', 'footer'])
    if (document.querySelectorAll(landmark).length !== 1) wrong.push('landmark ' + landmark);
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3')) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) wrong.push('heading ' + heading.textContent);
    level = own;
  }
  for (const link of document.querySelectorAll('nav a'))
    if (!document.querySelector(link.getAttribute('href'))) wrong.push('link ' + link.textContent);
  for (const table of document.querySelectorAll('table'))
    if (!table.caption || !table.querySelector('th[scope=col]')) wrong.push('table');
  for (const drawing of document.querySelectorAll('svg'))
    if (drawing.getAttribute('role') !== 'img' || !drawing.getAttribute('aria-label')) wrong.push('drawing');
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than ' + innerWidth);
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  parent.postMessage({ width: innerWidth, texts, least, dark, wrong, summary: document.querySelector('#summary + dl')?.textContent ?? '' }, '*');
});
</script>";

/// A headless browser.
pub struct Browser(PathBuf);

impl Browser {
    /// The browser of this machine, if there is one.
    pub fn find() -> Option<Browser> {
        let named = std::env::var_os("OPUS_BROWSER").map(PathBuf::from);
        let known = ["chromium", "chromium-browser", "google-chrome"].map(PathBuf::from);
        let runs = |program: &PathBuf| {
            Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
        };
        named.into_iter().chain(known).find(runs).map(Browser)
    }

    /// What the script finds in a page, which must allow scripts: four looks.
    pub fn look(&self, folder: &Path, page: &str) -> Vec<Value> {
        let looking = page.replace("</body>", &format!("{LOOK}</body>"));
        let inside = looking.replace('&', "&amp;").replace('"', "&quot;");
        let frame =
            |width: u32| format!("<iframe width=\"{width}\" height=\"900\" srcdoc=\"{inside}\"></iframe>");
        let frames = format!(
            "<!doctype html><script>const found = [];
             addEventListener('message', event => {{ found.push(event.data);
               if (found.length === 2) document.body.insertAdjacentHTML('beforeend', '<pre id=found></pre>'),
                 document.getElementById('found').textContent = JSON.stringify(found); }});</script>
             <body>{}{}</body>",
            frame(400),
            frame(1200)
        );
        let file = folder.join("frames.html");
        std::fs::write(&file, frames).expect("it can be written");
        let url = format!("file://{}", file.display());
        let mut looks = Vec::new();
        for scheme in ["1", "0"] {
            let setting = format!("--blink-settings=preferredColorScheme={scheme}");
            let args = [setting.as_str(), "--virtual-time-budget=10000", "--dump-dom", &url];
            let shown = self.browse(&folder.join(format!("profile{scheme}")), &args);
            let found = shown.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
            let found = found.unwrap_or_else(|| {
                panic!("the page says nothing:\n{}", &shown[shown.len().saturating_sub(600)..])
            });
            let found = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let found: Value = serde_json::from_str(&found).expect("it is JSON");
            let found = found.as_array().expect("one for each width").clone();
            let widths: Vec<Option<u64>> = found.iter().map(|look| look["width"].as_u64()).collect();
            assert!(widths.contains(&Some(400)) && widths.contains(&Some(1200)), "{widths:?}");
            assert!(found.iter().all(|look| look["dark"] == (scheme == "0")), "{found:?}");
            looks.extend(found);
        }
        looks
    }

    /// The page as it is printed.
    pub fn print(&self, folder: &Path, page: &Path) -> Vec<u8> {
        let paper = folder.join("printed.pdf");
        let print = format!("--print-to-pdf={}", paper.display());
        self.browse(&folder.join("profile_paper"), &[&print, &format!("file://{}", page.display())]);
        std::fs::read(&paper).expect("it can be printed")
    }

    /// What the browser prints.
    fn browse(&self, profile: &Path, args: &[&str]) -> String {
        let output = Command::new(&self.0)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(args)
            .output()
            .expect("the browser runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
